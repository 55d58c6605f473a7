package aggregate

import (
	"fmt"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// RequestError says that the caller is wrong: a value of the request cannot be sent to where it is needed. No upstream has
// been touched.
type RequestError struct {
	// Field is the path of the request field, or the expression over the request.
	Field string
	// Description says what is wrong with its value; it is safe for clients.
	Description string
}

// Error is the field and what is wrong with it.
func (e *RequestError) Error() string { return e.Field + ": " + e.Description }

// CallError says that an upstream is wrong: a required call failed, and with it the RPC.
type CallError struct {
	RPC  *plan.RPC
	Call *plan.Call
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
