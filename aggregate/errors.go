package aggregate

import (
	"fmt"
	"net/http"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// RequestError says that the caller is wrong: the request cannot be used. No upstream has been touched.
type RequestError struct {
	// Violations are the fields at fault; at least one.
	Violations []Violation
	// NotFound is set if what a field names does not exist.
	NotFound bool
	// Err is the cause, for logs alone; may be nil.
	Err error
}

// Unwrap is the cause.
func (e *RequestError) Unwrap() error { return e.Err }

// Error is the first field and what is wrong with it.
func (e *RequestError) Error() string {
	text := e.Violations[0].Description
	if field := e.Violations[0].Field; field != "" {
		text = field + ": " + text
	}
	if more := len(e.Violations) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// CallError says that an upstream is wrong: a required call failed, and with it the RPC.
type CallError struct {
	RPC  *plan.RPC
	Call *plan.Call
	// Header and Trailer are the metadata that the binding declares, as far as it is known; may be nil.
	Header, Trailer http.Header
	*Failure
}

// Error is for logs: it names the place in the binding, the call and the cause.
func (e *CallError) Error() string {
	return fmt.Sprintf("%s: call %s: %v", e.Call.At, e.Call.Name, e.Err)
}

// Unwrap is the failure.
func (e *CallError) Unwrap() error { return e.Failure }

// DriftError says that an upstream is wrong: a field that the contract requires has no value.
type DriftError struct {
	Report projection.Report
}

// Error is for logs: it names the place in the binding, the field, the path in the answer and what stands there.
func (e *DriftError) Error() string {
	return fmt.Sprintf("%s: field %s is required: %s: expected %s, found %s",
		e.Report.At, e.Report.Field, e.Report.Origin, e.Report.Expected, e.Report.Found)
}
