package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// run is the state of one RPC under way.
type run struct {
	*RPC
	scope   projection.Scope
	started time.Time
	group   *errgroup.Group
	// waiting counts, for each call, the calls that it still waits for.
	waiting []atomic.Int32
	// calls are what became of each call. A call's entry, like its answer in scope, is written by its own goroutine before
	// waiting is counted down, and read by the calls that need it after that.
	calls []CallResult
}

func newRun(rpc *RPC, request protoreflect.Message) *run {
	state := &run{
		RPC:     rpc,
		started: time.Now(),
		scope:   projection.Scope{Request: request, Answers: make([]*projection.Document, len(rpc.plan.Calls))},
		waiting: make([]atomic.Int32, len(rpc.plan.Calls)),
		calls:   make([]CallResult, len(rpc.plan.Calls)),
	}
	for i, call := range rpc.plan.Calls {
		state.calls[i].Name = call.Name
		state.waiting[i].Store(int32(len(call.Needs)))
	}
	return state
}

// dataflow makes every call as soon as its inputs exist, and returns when the last one has ended. A required call that
// fails cancels the others.
func (r *run) dataflow(ctx context.Context) error {
	var groupCtx context.Context
	r.group, groupCtx = errgroup.WithContext(ctx)
	for i, call := range r.plan.Calls {
		if len(call.Needs) == 0 {
			r.start(groupCtx, i)
		}
	}
	if err := r.group.Wait(); err != nil {
		return r.firstFailure(ctx)
	}
	return wrapEnded(ctx, r.plan)
}

func (r *run) start(ctx context.Context, call int) {
	r.group.Go(func() error { return r.chain(ctx, call) })
}

// chain makes a call, and then, in the same goroutine, one of those that waited for nothing else; the others get
// goroutines of their own.
func (r *run) chain(ctx context.Context, call int) error {
	for call >= 0 {
		if err := r.call(ctx, call); err != nil {
			return err
		}
		next := -1
		for _, waiting := range r.plan.Calls[call].NeededBy {
			if r.waiting[waiting].Add(-1) > 0 {
				continue
			}
			if next >= 0 {
				r.start(ctx, next)
			}
			next = waiting
		}
		call = next
	}
	return nil
}

var errCallFailed = errors.New("required call failed")

// call makes one call. It returns an error if the RPC cannot go on without it.
func (r *run) call(ctx context.Context, index int) error {
	call, result := r.plan.Calls[index], &r.calls[index]
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if call.Optional {
		var cancel context.CancelFunc
		ctx, cancel = withReserve(ctx)
		defer cancel()
	}
	result.Started = time.Since(r.started)
	result.Failure = r.answer(ctx, index)
	if result.Made {
		result.Duration = time.Since(r.started) - result.Started
	}
	if result.Failure != nil && !call.Optional {
		return errCallFailed
	}
	return nil
}

// withReserve ends a little before ctx does, so that there is time left to answer without the call.
func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	const most = 100 * time.Millisecond
	reserve := min(time.Until(deadline)/10, most)
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// answer asks the upstream and reads its answer. A panic fails the call alone: it must not end the process, since what
// upstreams send decides what runs here.
func (r *run) answer(ctx context.Context, index int) (failure *Failure) {
	defer func() {
		if cause := recover(); cause != nil {
			failure = &Failure{Reason: ReasonFailed, Err: fmt.Errorf("recover from a panic: %v\n%s", cause, debug.Stack())}
		}
	}()
	return r.ask(ctx, index)
}

func (r *run) ask(ctx context.Context, index int) *Failure {
	call, result := r.plan.Calls[index], &r.calls[index]
	if failure, absent := r.inherit(call); failure != nil || absent {
		result.Absent = absent
		return failure
	}
	request, failure := r.request(ctx, call)
	if failure != nil {
		return failure
	}
	result.Made = true
	answer, err := r.upstreams[index].Do(ctx, request)
	if err != nil {
		return asFailure(err)
	}
	result.Status, result.Absent = answer.Status, answer.Absent
	if answer.Absent {
		return nil
	}
	document, err := call.Shape.Scan(answer.Body)
	if err != nil {
		kind := answer.Header.Get("Content-Type")
		return &Failure{Reason: ReasonBadAnswer, Err: fmt.Errorf("read answer of type %q: %w", kind, err)}
	}
	r.scope.Answers[index] = document
	return nil
}

// inherit says what a call takes over from the calls that its path comes from: without their answers it cannot be made.
func (r *run) inherit(call *plan.Call) (_ *Failure, absent bool) {
	for _, need := range call.PathNeeds {
		switch result := &r.calls[need]; {
		case result.Failure != nil:
			inherited := *result.Failure
			inherited.Err = fmt.Errorf("call %s gave no answer: %w", result.Name, result.Failure.Err)
			return &inherited, false
		case result.Absent:
			return nil, true
		}
	}
	return nil, false
}

// asFailure is the *Failure in err; any other error is a fault of ours, and so of the upstream in the caller's eyes.
func asFailure(err error) *Failure {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure
	}
	return &Failure{Reason: ReasonFailed, Err: err}
}

// firstFailure is the error of the first required call, in plan order, that failed by itself: not because another one
// had failed, and not because the client had left.
func (r *run) firstFailure(ctx context.Context) error {
	failed := func(i int) bool {
		failure := r.calls[i].Failure
		return failure != nil && !r.plan.Calls[i].Optional && !errors.Is(failure, context.Canceled)
	}
	for i, call := range r.plan.Calls {
		if failed(i) {
			return &CallError{RPC: r.plan, Call: call, Failure: r.calls[i].Failure}
		}
	}
	if err := wrapEnded(ctx, r.plan); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", r.plan.Name(), context.Canceled)
}

// wrapEnded is the error of a context that has ended, or nil.
func wrapEnded(ctx context.Context, rpc *plan.RPC) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("run %s: %w", rpc.Name(), ctx.Err())
}
