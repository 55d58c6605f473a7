package aggregate

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
)

// Reason says in one word why a call gave no answer. It is shown to clients, so it names nothing behind the boundary.
type Reason string

// The reasons, by what a client can do about them.
const (
	// ReasonUnavailable: no connection, a connection lost, a 502, 503 or 504, or an open circuit breaker. Retryable.
	ReasonUnavailable Reason = "UPSTREAM_UNAVAILABLE"
	// ReasonTimeout: no answer in time. Retryable.
	ReasonTimeout Reason = "UPSTREAM_TIMEOUT"
	// ReasonRateLimited: 429. Retryable.
	ReasonRateLimited Reason = "UPSTREAM_RATE_LIMITED"
	// ReasonFailed: any other 5xx.
	ReasonFailed Reason = "UPSTREAM_FAILED"
	// ReasonNotFound: 404 or 410.
	ReasonNotFound Reason = "UPSTREAM_NOT_FOUND"
	// ReasonConflict: 409.
	ReasonConflict Reason = "UPSTREAM_CONFLICT"
	// ReasonPrecondition: 412.
	ReasonPrecondition Reason = "UPSTREAM_PRECONDITION_FAILED"
	// ReasonRejected: 400 or 422, the upstream refuses what it was sent.
	ReasonRejected Reason = "UPSTREAM_REJECTED"
	// ReasonCredentials: 401 or 403, or credentials that cannot be read: the proxy's own, never the caller's.
	ReasonCredentials Reason = "UPSTREAM_CREDENTIALS"
	// ReasonBadAnswer: a redirect, any other status, or a body that is too large, cut off or not JSON.
	ReasonBadAnswer Reason = "UPSTREAM_BAD_ANSWER"
	// ReasonDrift: an answer whose shape cannot fill a field that the contract requires, or a call's input.
	ReasonDrift Reason = "UPSTREAM_DRIFT"
)

// Failure says why a call gave no answer.
type Failure struct {
	Reason Reason
	// Retryable says whether the same call may succeed later, RetryAfter when (0 is unknown).
	Retryable  bool
	RetryAfter time.Duration
	// Err is the cause, for logs alone: it names hosts, statuses and causes.
	Err error
}

// Error is the cause's text; it is not for clients.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap is the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Class is what a reason means to clients.
type Class struct {
	Code code.Code
	// Message is safe for clients: it names nothing behind the boundary.
	Message string
}

// classes is the one table from reasons to codes.
var classes = map[Reason]Class{
	ReasonUnavailable:  {code.Code_UNAVAILABLE, "a service behind this API is unavailable; try again later"},
	ReasonTimeout:      {code.Code_DEADLINE_EXCEEDED, "a service behind this API did not answer in time; try again later"},
	ReasonRateLimited:  {code.Code_RESOURCE_EXHAUSTED, "a service behind this API accepts no more requests for now; try again later"},
	ReasonFailed:       {code.Code_INTERNAL, "a service behind this API failed"},
	ReasonNotFound:     {code.Code_NOT_FOUND, "what the request names does not exist"},
	ReasonConflict:     {code.Code_ABORTED, "the request conflicts with the current state; read it again, then retry"},
	ReasonPrecondition: {code.Code_FAILED_PRECONDITION, "the current state does not allow the request"},
	ReasonRejected:     {code.Code_INVALID_ARGUMENT, "a service behind this API refused the request's values"},
	ReasonCredentials:  {code.Code_INTERNAL, "this API could not authenticate itself to a service behind it"},
	ReasonBadAnswer:    {code.Code_INTERNAL, "a service behind this API gave an answer that cannot be used"},
	ReasonDrift:        {code.Code_INTERNAL, "a service behind this API left out what the answer needs"},
}

// Class is what the reason means to clients. An unknown reason is a failure of the upstream.
func (r Reason) Class() Class {
	if class, ok := classes[r]; ok {
		return class
	}
	return classes[ReasonFailed]
}
