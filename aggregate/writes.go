package aggregate

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// Writes follow what a run sends that may change something: requests that are neither a GET nor repeatable, and calls of functions;
// those of RPCs in process, too. It is used for one run. A nil Writes follows nothing.
type Writes struct {
	// Before is called before each of them. If it fails, that one is not sent, and its call fails. It is called concurrently.
	Before func(context.Context) error

	open atomic.Int64
}

// Effective reports whether one of them was carried out, or may have been: it was sent, and the answer was no refusal, or there was
// none.
func (w *Writes) Effective() bool { return w.open.Load() > 0 }

// begin lets Before decide about one. The failure says that it must not be sent.
func (w *Writes) begin(ctx context.Context) *Failure {
	if w == nil {
		return nil
	}
	if err := w.Before(ctx); err != nil {
		return &Failure{Reason: plan.ReasonUnavailable, Unsent: true, Err: fmt.Errorf("begin to write: %w", err)}
	}
	w.open.Add(1)
	return nil
}

// end notes what became of one: a failure, or none. One that never ends counts as carried out.
func (w *Writes) end(failure *Failure) {
	if w != nil && failure.isRefusal() {
		w.open.Add(-1)
	}
}

// changes reports whether a request may change something.
func (r *Request) changes() bool { return r.Method != http.MethodGet && !r.Repeatable }

// isRefusal reports whether it is certain that what was asked for was not done: it was not sent, or the answer says so.
func (f *Failure) isRefusal() bool {
	switch {
	case f == nil || f.Reason == plan.ReasonOutcomeUnknown:
		return false
	case f.Unsent:
		return true
	}
	byFunction := f.Answer == nil && f.Code != 0
	if f.ruled || byFunction {
		if told, _ := f.Told(); slices.Contains(refusals, told) {
			return true
		}
	}
	status := f.status()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError &&
		status != http.StatusRequestTimeout && status != statusClientClosed
}

// statusClientClosed is what nginx answers when the connection to it has ended.
const statusClientClosed = 499

// refusals are the codes of errors that say that nothing was done.
var refusals = []code.Code{
	code.Code_INVALID_ARGUMENT, code.Code_NOT_FOUND, code.Code_ALREADY_EXISTS, code.Code_PERMISSION_DENIED, code.Code_UNAUTHENTICATED,
	code.Code_RESOURCE_EXHAUSTED, code.Code_FAILED_PRECONDITION, code.Code_ABORTED, code.Code_OUT_OF_RANGE, code.Code_UNIMPLEMENTED,
}
