package plan

import (
	"slices"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// Reason says in one word why a call gave no answer. It is shown to clients, so it names nothing behind the boundary.
// Error rules add their own.
type Reason string

// The reasons of failures that no error rule is about, by what a client can do about them.
const (
	// ReasonUnavailable: no connection, a connection lost, a 408, 502, 503 or 504, or an open circuit breaker. Retryable.
	ReasonUnavailable Reason = "UPSTREAM_UNAVAILABLE"
	// ReasonOverloaded: nothing was sent, because too many requests to the upstream are under way or wait. Retryable.
	ReasonOverloaded Reason = "UPSTREAM_OVERLOADED"
	// ReasonShed: nothing was sent, because so much is in flight here that optional calls are left out. Retryable.
	ReasonShed Reason = "OVERLOADED"
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
	// ReasonCredentials: 401 or 403, or no credentials to sign the request with: the proxy's own, the account's, or the caller's where
	// they are passed on.
	ReasonCredentials Reason = "UPSTREAM_CREDENTIALS"
	// ReasonToken: nothing was sent, because the authorization server gave no token to sign the request with. Retryable.
	ReasonToken Reason = "UPSTREAM_TOKEN"
	// ReasonAddress: the upstream's address is not public, and it does not say that it is private.
	ReasonAddress Reason = "UPSTREAM_ADDRESS"
	// ReasonBadAnswer: a redirect, any other status, or a body that is too large, cut off or not JSON.
	ReasonBadAnswer Reason = "UPSTREAM_BAD_ANSWER"
	// ReasonDrift: an answer whose shape cannot fill a field that the contract requires, or a call's input.
	ReasonDrift Reason = "UPSTREAM_DRIFT"
	// ReasonNotDone: what was polled for failed, or was not done in time.
	ReasonNotDone Reason = "UPSTREAM_NOT_DONE"
	// ReasonTooMany: a list has more elements than a call with each may be made for.
	ReasonTooMany Reason = "TOO_MANY_ELEMENTS"
	// ReasonUnimplemented: no binding of the RPC does that.
	ReasonUnimplemented Reason = "UNIMPLEMENTED"
	// ReasonOutcomeUnknown: the call at the commit point was sent, and nobody knows whether it was carried out.
	ReasonOutcomeUnknown Reason = "OUTCOME_UNKNOWN"
	// ReasonAccount: there is no such account.
	ReasonAccount Reason = "ACCOUNT_NOT_FOUND"
)

// Class is what a reason means to clients.
type Class struct {
	Code code.Code
	// Message is safe for clients: it names nothing behind the boundary.
	Message string
}

// classes is the one table from reasons to codes.
var classes = map[Reason]Class{
	ReasonUnavailable:    {code.Code_UNAVAILABLE, "a service behind this API is unavailable; try again later"},
	ReasonOverloaded:     {code.Code_UNAVAILABLE, "a service behind this API is asked too much at the moment; try again later"},
	ReasonShed:           {code.Code_RESOURCE_EXHAUSTED, "too much is asked at the moment; try again later"},
	ReasonTimeout:        {code.Code_DEADLINE_EXCEEDED, "a service behind this API did not answer in time; try again later"},
	ReasonRateLimited:    {code.Code_RESOURCE_EXHAUSTED, "a service behind this API accepts no more requests for now; try again later"},
	ReasonFailed:         {code.Code_INTERNAL, "a service behind this API failed"},
	ReasonNotFound:       {code.Code_NOT_FOUND, "what the request names does not exist"},
	ReasonConflict:       {code.Code_ABORTED, "the request conflicts with the current state; read it again, then retry"},
	ReasonPrecondition:   {code.Code_FAILED_PRECONDITION, "the current state does not allow the request"},
	ReasonRejected:       {code.Code_INVALID_ARGUMENT, "a service behind this API refused the request's values"},
	ReasonCredentials:    {code.Code_INTERNAL, "this API could not authenticate itself to a service behind it"},
	ReasonToken:          {code.Code_UNAVAILABLE, "this API could not get permission to call a service behind it; try again later"},
	ReasonAddress:        {code.Code_INTERNAL, "a service behind this API is not where it may be"},
	ReasonBadAnswer:      {code.Code_INTERNAL, "a service behind this API gave an answer that cannot be used"},
	ReasonDrift:          {code.Code_INTERNAL, "a service behind this API left out what the answer needs"},
	ReasonNotDone:        {code.Code_FAILED_PRECONDITION, "a service behind this API did not finish what was asked of it"},
	ReasonTooMany:        {code.Code_OUT_OF_RANGE, "the request reaches more elements than it may"},
	ReasonUnimplemented:  {code.Code_UNIMPLEMENTED, "this is not supported here"},
	ReasonOutcomeUnknown: {code.Code_UNKNOWN, "the request was sent, and it is not known whether it was carried out; look before you repeat it"},
	ReasonAccount:        {code.Code_NOT_FOUND, "there is no such account"},
}

// Class is what the reason means to clients. An unknown reason is a failure of the upstream.
func (r Reason) Class() Class {
	if class, ok := classes[r]; ok {
		return class
	}
	return classes[ReasonFailed]
}

// Reasons are the reasons that need no error rule, sorted.
func Reasons() []string {
	var all []string
	for reason := range classes {
		all = append(all, string(reason))
	}
	slices.Sort(all)
	return all
}

// ErrorRule says what an answer means.
type ErrorRule struct {
	// Statuses are those that the rule is about; none for all but 2xx.
	Statuses []int
	// When is a condition on the answer; nil for none.
	When projection.Operand
	// Code is canonical, unless CodeFrom gives the name of one.
	Code     code.Code
	CodeFrom projection.Operand
	// Reason is for programs; empty for one by the code.
	Reason Reason
	// Message is for clients; nil for one by the code.
	Message projection.Operand
	// Retryable is whether the same call may succeed later, RetryAfter when; it may be nil.
	Retryable  bool
	RetryAfter projection.Operand
	// Expired is set if the account's credentials have to be renewed.
	Expired    bool
	Violations *Violations
	// Details are passed on; nil for none.
	Details projection.Operand
	At      diag.Position
}

// Violations are the fields that an upstream is not content with.
type Violations struct {
	// Loop goes over them; nil if there is one.
	Loop           *projection.Loop
	Field, Message projection.Operand
}

// messages are what clients are told by the code, where an error rule says nothing else.
var messages = map[code.Code]string{
	code.Code_INVALID_ARGUMENT:    classes[ReasonRejected].Message,
	code.Code_NOT_FOUND:           classes[ReasonNotFound].Message,
	code.Code_ALREADY_EXISTS:      "what the request would make exists already",
	code.Code_PERMISSION_DENIED:   "a service behind this API does not allow the request",
	code.Code_UNAUTHENTICATED:     "the account has to be connected again",
	code.Code_RESOURCE_EXHAUSTED:  classes[ReasonRateLimited].Message,
	code.Code_FAILED_PRECONDITION: classes[ReasonPrecondition].Message,
	code.Code_ABORTED:             classes[ReasonConflict].Message,
	code.Code_UNIMPLEMENTED:       classes[ReasonUnimplemented].Message,
	code.Code_UNAVAILABLE:         classes[ReasonUnavailable].Message,
	code.Code_DEADLINE_EXCEEDED:   classes[ReasonTimeout].Message,
}

// MessageFor is what clients are told by a code.
func MessageFor(of code.Code) string {
	if text, ok := messages[of]; ok {
		return text
	}
	return classes[ReasonFailed].Message
}

// RetryableCode reports whether a failure with a code may pass by itself.
func RetryableCode(of code.Code) bool {
	return of == code.Code_UNAVAILABLE || of == code.Code_RESOURCE_EXHAUSTED || of == code.Code_DEADLINE_EXCEEDED
}
