package aggregate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// run is the state of one RPC under way.
type run struct {
	*RPC
	scope     projection.Scope
	documents plan.Documents
	header    http.Header
	caller    Caller
	started   time.Time
	lean      bool
	writes    *Writes
	freshness freshness
	// calling is the context of calls, and group the goroutines that make them.
	calling *lazyctx.Cancellable
	group   errgroup.Group
	// account is the id of the account that calls are made for; empty for none.
	account string
	page    *page
	// mergeReports say what was wrong with the pages of several sources.
	mergeReports []projection.Report
	// committed is set once the call at the commit point has succeeded.
	committed atomic.Bool
	// progress is how far each call is.
	progress []progress
	// calls are what became of each call. A call's entry, like its documents in scope, is written by its own goroutine before
	// waiting is counted down, and read by the calls that need it after that.
	calls []CallResult
}

// progress is how far a call is.
type progress struct {
	// waiting counts the calls that it still waits for.
	waiting atomic.Int32
	// held is the room of its answer.
	held held
}

func newRun(rpc *RPC, input Input) *run {
	places := plan.Documents{Calls: len(rpc.plan.Calls)}
	state := &run{
		RPC: rpc, documents: places, header: input.Header, caller: input.Caller, started: time.Now(), lean: input.Lean, writes: input.Writes,
		scope:    projection.Scope{Request: input.Request, Awaited: input.Awaited, Answers: make([]*projection.Document, places.Count())},
		progress: make([]progress, len(rpc.plan.Calls)),
		calls:    make([]CallResult, len(rpc.plan.Calls)),
	}
	state.scope.Now = state.started
	state.scope.Lets = state.newLets()
	if input.Caller.JSON != nil {
		state.scope.Answers[places.Caller()] = state.scan(rpc.plan.Shapes.Caller, input.Caller.JSON)
	}
	for i, call := range rpc.plan.Calls {
		state.calls[i].Name = call.Name
		state.progress[i].waiting.Store(int32(len(call.Needs)))
	}
	return state
}

// newLets are the values of let, none of them computed yet.
func (r *run) newLets() []*projection.Let {
	lets := make([]*projection.Let, len(r.plan.Lets))
	for i, from := range r.plan.Lets {
		lets[i] = projection.NewLet(from)
	}
	return lets
}

// prepare finds out all that is known before the first call, and refuses a request that cannot be used.
func (r *run) prepare(ctx context.Context) error {
	scope := r.scope.In(ctx)
	if err := r.findAccount(scope); err != nil {
		return err
	}
	if err := r.openPage(); err != nil {
		return err
	}
	if err := r.checkRequirements(scope); err != nil {
		return err
	}
	return r.checkPaths(scope)
}

func (r *run) findAccount(scope *projection.Scope) error {
	if r.plan.Account == nil {
		return nil
	}
	value, err := r.plan.Account.Value(scope)
	if err != nil {
		return &RequestError{Violations: []Violation{{Field: requestField(r.plan.Account), Description: "this names no account"}}, Err: err}
	}
	id, _ := value.Text()
	attributes, known := []byte(nil), false
	if r.world.Accounts != nil {
		attributes, known = r.world.Accounts.Attributes(id)
	}
	if !known {
		return &RequestError{NotFound: true, Violations: []Violation{{
			Field: requestField(r.plan.Account), Description: "there is no such account", Reason: string(plan.ReasonAccount),
		}}}
	}
	r.account = id
	if r.plan.Shapes.Account == nil {
		return nil
	}
	r.scope.Answers[r.documents.Account()], err = r.plan.Shapes.Account.Scan(attributes)
	return err
}

func (r *run) checkRequirements(scope *projection.Scope) error {
	var violations []Violation
	for _, requirement := range r.plan.Require {
		holds, err := projection.Holds(requirement.That, scope)
		if err == nil && holds {
			continue
		}
		violation := Violation{Field: requirement.Field, Reason: requirement.Reason, Description: textFrom(requirement.Message, scope)}
		if violation.Description == "" {
			violation.Description = "this does not fulfil what the API requires"
		}
		violations = append(violations, violation)
	}
	if violations == nil {
		return nil
	}
	return &RequestError{Violations: violations}
}

// checkPaths refuses a request with a value that cannot stand in the path where it is needed. What calls are not made does
// not count.
func (r *run) checkPaths(scope *projection.Scope) error {
	for _, call := range r.plan.Calls {
		if call.Request == nil || len(call.Request.RequestHoles) == 0 || !r.isMade(scope, call) {
			continue
		}
		for _, hole := range call.Request.RequestHoles {
			operand := call.Request.PathValues[hole]
			value, err := pathValue(scope, operand)
			if err != nil {
				return unusable(operand, err)
			}
			if reason := urltemplate.Refuse(value); reason != "" {
				return wrongField(operand, reason, nil)
			}
		}
	}
	return nil
}

// isMade reports whether a call is made as far as the request alone decides.
func (r *run) isMade(scope *projection.Scope, call *plan.Call) bool {
	if call.Each != nil {
		return false // each element has a path of its own
	}
	if call.When == nil || len(call.Needs) > 0 {
		return call.When == nil
	}
	holds, err := projection.Holds(call.When, scope)
	return err == nil && holds
}

// unusable says that an operand has no value that can stand in a path. An expression, and what it says, is for logs alone.
func unusable(operand projection.Operand, err error) error {
	if _, ok := operand.(*projection.Request); ok {
		return wrongField(operand, err.Error(), err)
	}
	return wrongField(operand, "a value of the request cannot stand in a path", err)
}

func wrongField(operand projection.Operand, description string, cause error) error {
	return &RequestError{Violations: []Violation{{Field: requestField(operand), Description: description}}, Err: cause}
}

// requestField is the field that an operand takes; empty for an expression, which is nobody's business.
func requestField(operand projection.Operand) string {
	if field, ok := operand.(*projection.Request); ok {
		return strings.TrimPrefix(field.String(), "request.")
	}
	return ""
}

// elementField puts an index in the place of the first [] of a field's path.
func elementField(field string, index int) string {
	before, after, found := strings.Cut(field, "[]")
	if !found {
		return field
	}
	return before + indexed(index) + after
}

// has reports whether a reason is among several.
func has(reasons []plan.Reason, reason plan.Reason) bool { return slices.Contains(reasons, reason) }
