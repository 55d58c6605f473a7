package aggregate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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
	started   time.Time
	group     *errgroup.Group
	// account is the id of the account that calls are made for; empty for none.
	account string
	page    *page
	// committed is set once the call at the commit point has succeeded.
	committed atomic.Bool
	// waiting counts, for each call, the calls that it still waits for.
	waiting []atomic.Int32
	// calls are what became of each call. A call's entry, like its documents in scope, is written by its own goroutine before
	// waiting is counted down, and read by the calls that need it after that.
	calls []CallResult
}

func newRun(rpc *RPC, input Input) *run {
	places := plan.Documents{Calls: len(rpc.plan.Calls)}
	state := &run{
		RPC: rpc, documents: places, header: input.Header, started: time.Now(),
		scope:   projection.Scope{Request: input.Request, Awaited: input.Awaited, Answers: make([]*projection.Document, places.Count())},
		waiting: make([]atomic.Int32, len(rpc.plan.Calls)),
		calls:   make([]CallResult, len(rpc.plan.Calls)),
	}
	state.scope.Now = state.started
	for _, from := range rpc.plan.Lets {
		state.scope.Lets = append(state.scope.Lets, projection.NewLet(from))
	}
	for i, call := range rpc.plan.Calls {
		state.calls[i].Name = call.Name
		state.waiting[i].Store(int32(len(call.Needs)))
	}
	return state
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
	scope = r.scope.In(ctx)
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
		return &RequestError{Violations: []Violation{{Field: requestField(r.plan.Account), Description: err.Error()}}}
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
		violation := Violation{Field: requirement.Field, Reason: requirement.Reason}
		if message, err := requirement.Message.Value(scope); err == nil {
			violation.Description, _ = message.Text()
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
				return wrongField(operand, err.Error())
			}
			if reason := urltemplate.Refuse(value); reason != "" {
				return wrongField(operand, reason)
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

func wrongField(operand projection.Operand, description string) error {
	return &RequestError{Violations: []Violation{{Field: requestField(operand), Description: description}}}
}

func requestField(operand projection.Operand) string {
	return strings.TrimPrefix(operand.String(), "request.")
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
