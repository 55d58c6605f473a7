package aggregate

import (
	"context"
	"net/http"
	"time"
)

// Upstream is one REST service, seen from a plan: a call in, an answer out. It must be safe for concurrent use.
//
// Do returns an error of type *Failure, or wrapping one, when there is no answer with a status that the call allows. It
// returns promptly, with ctx's error wrapped, when ctx ends.
type Upstream interface {
	Do(ctx context.Context, call Request) (Answer, error)
}

// Request is a call whose holes are all filled.
type Request struct {
	// Name is the call's name in its binding, and Template its path with holes unfilled: low-cardinality names for traces
	// and metrics.
	Name, Template string
	// Method is an HTTP method in upper case.
	Method string
	// Path is escaped and starts with a slash; it is below the upstream's base URL. Query is encoded, without "?".
	Path, Query string
	// Header holds only what the call declares; may be nil.
	Header http.Header
	// Body is a JSON document, or nil for none.
	Body []byte
	// Timeout bounds the call besides ctx; 0 means only the upstream's own timeout does.
	Timeout time.Duration
	// AbsentOn lists the statuses that mean "there is none".
	AbsentOn []int
}

// Answer is what a call got.
type Answer struct {
	// Status is 2xx, or one of the request's AbsentOn.
	Status int
	// Header is the answer's header; not to be changed.
	Header http.Header
	// Body is the whole body, decompressed and within the upstream's bounds; not to be changed.
	Body []byte
	// Absent is set when Status is one of the request's AbsentOn; Body then means nothing.
	Absent bool
}

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
