package lazyctx

import (
	"context"
	"time"
)

// Hook is something to do when a context ends, as context.AfterFunc does it. It is attached to one context at a time, and is
// for one goroutine at a time.
type Hook struct {
	// Call is called once. It must not wait: whoever ends the context calls it.
	Call func()

	// ctx is the context, if it is a Cancellable, and next and prev are the neighbours in its ring.
	ctx        *Cancellable
	next, prev *Hook
	// stop is for any other context, what context.AfterFunc gave.
	stop func() bool
}

// Attach has the hook called when ctx ends, at once if it has. What a Late adds to the context around it calls no hooks: whoever attaches one
// has to watch its deadline, which is Deadline(ctx), and to detach it before its End.
func (h *Hook) Attach(ctx context.Context) {
	ctx, _ = watched(ctx)
	ours, ok := ctx.(*Cancellable)
	switch {
	case !ok:
		h.stop = context.AfterFunc(ctx, h.Call)
	case !h.join(ours):
		h.Call()
	}
}

// join attaches the hook to a context of ours. It reports false if that has ended.
func (h *Hook) join(ctx *Cancellable) bool {
	ctx.mu.Lock()
	defer ctx.mu.Unlock()
	if h.ctx = ctx; ctx.err != nil {
		return false
	}
	h.next, h.prev = &ctx.hooks, ctx.hooks.prev
	h.next.prev, h.prev.next = h, h
	return true
}

// Detach ends that the hook is called. It reports false if it has been, or is about to be, and if it is not attached.
func (h *Hook) Detach() bool {
	if stop := h.stop; stop != nil {
		h.stop = nil
		return stop()
	}
	ctx := h.ctx
	if ctx == nil {
		return false
	}
	ctx.mu.Lock()
	defer ctx.mu.Unlock()
	h.ctx = nil
	attached := h.next != nil
	if attached {
		h.leave()
	}
	return attached
}

func (h *Hook) leave() {
	h.next.prev, h.prev.next = h.prev, h.next
	h.next, h.prev = nil, nil
}

// Deadline is when ctx ends without a call of its hooks; zero for never.
func Deadline(ctx context.Context) time.Time {
	_, at := watched(ctx)
	return at
}

// watched is the context in ctx at whose end its hooks are called, and the deadline at which they are not; zero for none.
func watched(ctx context.Context) (context.Context, time.Time) {
	switch one := ctx.(type) {
	case *Late:
		around, _ := watched(one.Context) // whose deadline is no earlier
		return around, one.at
	case *valued:
		return watched(one.Context)
	case *Cancellable:
		return one, one.at
	default:
		return ctx, time.Time{}
	}
}
