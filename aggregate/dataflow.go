package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// dataflow makes every call as soon as its inputs exist, and returns when the last one has ended. A required call that
// fails cancels the others.
func (r *run) dataflow(ctx context.Context) error {
	r.calling = lazyctx.WithCancel(ctx)
	defer r.calling.End()
	r.begin()
	err := r.group.Wait()
	switch {
	case r.committed.Load():
		return nil // what is done is done, however late it is
	case err != nil:
		return r.firstFailure(ctx)
	default:
		return wrapEnded(ctx, r.plan)
	}
}

// begin starts all calls that wait for nothing. The last of them is made in this goroutine, which would only wait otherwise.
func (r *run) begin() {
	own := -1
	for i, call := range r.plan.Calls {
		if len(call.Needs) > 0 {
			continue
		}
		if own >= 0 {
			r.start(own)
		}
		own = i
	}
	if own < 0 {
		return
	}
	if err := r.chain(own); err != nil {
		r.group.Go(func() error { return err }) // for Wait
	}
}

func (r *run) start(call int) {
	r.group.Go(func() error {
		growStack(call)
		return r.chain(call)
	})
}

// chain makes a call, and then, in the same goroutine, one of those that waited for nothing else; the others get
// goroutines of their own.
func (r *run) chain(call int) error {
	for call >= 0 {
		if err := r.call(r.calling, call); err != nil {
			r.calling.End() // and with it the others
			return err
		}
		next := -1
		for _, waiting := range r.plan.Calls[call].NeededBy {
			if r.progress[waiting].waiting.Add(-1) > 0 {
				continue
			}
			if next >= 0 {
				r.start(next)
			}
			next = waiting
		}
		call = next
	}
	return nil
}

var (
	errCallFailed = errors.New("required call failed")
	errLean       = errors.New("left out, since too much is in flight")
)

// call makes one call. It returns an error if the RPC cannot go on without it.
func (r *run) call(ctx context.Context, index int) error {
	call, result := r.plan.Calls[index], &r.calls[index]
	if err := ctx.Err(); err != nil {
		if r.committed.Load() { // then only optional calls are left
			result.Failure = notAsked(err)
			return nil
		}
		return err
	}
	if call.Optional && r.lean {
		result.Failure = &Failure{Reason: plan.ReasonShed, Retryable: true, RetryAfter: time.Second, Err: errLean, Unsent: true}
		return nil
	}
	if end, ok := reserved(ctx, call); ok {
		late := lazyctx.WithDeadline(ctx, end)
		defer late.End()
		ctx = late
	}
	result.Started = time.Since(r.started)
	defer r.progress[index].held.end()
	reply, failure := r.guarded(ctx, index)
	if failure == nil && reply != nil && !reply.absent {
		failure = r.keep(index, reply)
	}
	if result.Requests > 0 {
		failure = atCommit(call, failure)
	}
	if failure != nil && failure.Reason == plan.ReasonTimeout && ctx.Err() != nil {
		failure.OutOfTime = true
	}
	if failure != nil { // of a call with each, some elements may have failed before
		result.Failure = failure
	}
	if result.Failure != nil {
		r.freshness.note(Freshness{}) // the response may tell of it
	}
	if result.Made {
		result.Duration = time.Since(r.started) - result.Started
	}
	r.keepMeta(index, reply)
	if call.Commit && failure == nil {
		r.committed.Store(true)
	}
	if result.Failure != nil && !call.Optional {
		return errCallFailed
	}
	return nil
}

// reserved is a time a little before ctx ends, so that there is time left for each call in the chain behind this one, and to answer
// without it if it is optional; false if nothing is to be left.
func reserved(ctx context.Context, call *plan.Call) (time.Time, bool) {
	stages := call.Behind
	if call.Optional {
		stages++
	}
	deadline, ok := ctx.Deadline()
	if !ok || stages == 0 {
		return time.Time{}, false
	}
	const most = 100 * time.Millisecond
	remaining := time.Until(deadline)
	reserve := min(time.Duration(stages)*min(remaining/10, most), remaining/2)
	return deadline.Add(-reserve), true
}

// guarded asks the target. A panic fails the call alone: it must not end the process, since what upstreams send decides
// what runs here.
func (r *run) guarded(ctx context.Context, index int) (_ *reply, failure *Failure) {
	defer func() {
		if cause := recover(); cause != nil {
			failure = &Failure{Reason: plan.ReasonFailed, Err: fmt.Errorf("recover from a panic: %v\n%s", cause, debug.Stack())}
		}
	}()
	return r.ask(ctx, index)
}

// ask decides whether the call is made, and makes it.
func (r *run) ask(ctx context.Context, index int) (*reply, *Failure) {
	call, result := r.plan.Calls[index], &r.calls[index]
	if failure, absent := r.inherit(call); failure != nil || absent {
		result.Absent = absent
		return nil, failure
	}
	scope := r.scope.In(ctx)
	if call.When != nil {
		holds, err := holdsFor(call, scope)
		if err != nil || !holds {
			result.Absent = err == nil
			return nil, err
		}
	}
	if call.Each != nil {
		return r.askEach(ctx, scope, index)
	}
	request := &attempt{run: r, call: call, target: &r.targets[index], result: result}
	if call.Poll == nil { // a poll waits between its answers
		request.held = &r.progress[index].held
	}
	reply, failure := request.answer(ctx, scope)
	result.Made, result.Requests = request.requests > 0, request.requests
	if reply != nil {
		result.Status, result.Absent, result.Inner, result.drifts = reply.status, reply.absent, reply.inner, reply.drifts
	}
	return reply, failure
}

// inherit says what a call takes over from the calls that its path comes from: without their answers it cannot be made.
func (r *run) inherit(call *plan.Call) (_ *Failure, absent bool) {
	for _, need := range call.PathNeeds {
		switch result := &r.calls[need]; {
		case result.Failure != nil && r.scope.Answers[need] == nil:
			inherited := *result.Failure
			inherited.Err = fmt.Errorf("call %s gave no answer: %w", result.Name, result.Failure.Err)
			return &inherited, false
		case result.Absent:
			return nil, true
		}
	}
	return nil, false
}

// keep finds in an answer what the plan needs of it.
func (r *run) keep(index int, reply *reply) *Failure {
	document, err := r.plan.Calls[index].Shape.Scan(reply.body)
	if err != nil {
		return &Failure{Reason: plan.ReasonBadAnswer, Err: fmt.Errorf("read answer of type %q: %w", mediaType(reply.header), err)}
	}
	r.scope.Answers[index] = document
	return nil
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
			return r.callError(ctx, i, call)
		}
	}
	if err := wrapEnded(ctx, r.plan); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", r.plan.Name(), context.Canceled)
}

// callError is the error of a call, with the metadata that can be told in spite of it.
func (r *run) callError(ctx context.Context, index int, call *plan.Call) *CallError {
	failed := &CallError{RPC: r.plan, Call: call, Failure: r.calls[index].Failure}
	scope := r.scope.In(context.WithoutCancel(ctx))
	failed.Header, failed.Trailer, _ = r.metadata(scope)
	return failed
}

// wrapEnded is the error of a context that has ended, or nil.
func wrapEnded(ctx context.Context, rpc *plan.RPC) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("run %s: %w", rpc.Name(), ctx.Err())
}
