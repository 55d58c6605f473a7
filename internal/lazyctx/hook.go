package lazyctx

import (
	"context"
	"time"
)

// Hook is something to do when a context ends. It is attached to one context at a time, and for one goroutine at a time.
type Hook struct {
	// Call is called once. It must not wait.
	Call func()

	// scope and its neighbours there, if the context is one.
	scope      *Scope
	next, prev *Hook
	// stop is that of any other context.
	stop func() bool
}

// Attach has the hook called when ctx ends, but not by the deadline or the End of WithDeadline: the first is for whoever attaches to watch,
// and Deadline tells it.
func (h *Hook) Attach(ctx context.Context) {
	ctx, _ = watched(ctx)
	scope, ok := ctx.(*Scope)
	switch {
	case !ok:
		h.stop = context.AfterFunc(ctx, h.Call)
	case !h.join(scope):
		h.Call()
	}
}

// join attaches the hook to a scope. It reports false if that has ended.
func (h *Hook) join(scope *Scope) bool {
	scope.mu.Lock()
	defer scope.mu.Unlock()
	if h.scope = scope; scope.err != nil {
		return false
	}
	h.next, h.prev = &scope.hooks, scope.hooks.prev
	h.next.prev, h.prev.next = h, h
	return true
}

// Detach ends that the hook is called. It reports false if it has been, or is about to be, and if it is not attached.
func (h *Hook) Detach() bool {
	if stop := h.stop; stop != nil {
		h.stop = nil
		return stop()
	}
	scope := h.scope
	if scope == nil {
		return false
	}
	scope.mu.Lock()
	defer scope.mu.Unlock()
	h.scope = nil
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

// Deadline is the one of ctx at which hooks are not called; zero for none.
func Deadline(ctx context.Context) time.Time {
	_, at := watched(ctx)
	return at
}

// watched is the context at whose end hooks are called, and the deadline that stands before it; zero for none.
func watched(ctx context.Context) (context.Context, time.Time) {
	switch one := ctx.(type) {
	case *Late:
		around, _ := watched(one.Context) // whose deadline is no earlier
		return around, one.at
	case *valued:
		return watched(one.Context)
	case *Scope:
		return one, one.at
	default:
		return ctx, time.Time{}
	}
}
