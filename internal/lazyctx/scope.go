package lazyctx

import (
	"context"
	"sync"
	"time"
)

// Scope is a context in which hooks cost nothing. It is made by NewScope, and safe for concurrent use.
type Scope struct {
	context.Context

	cancel context.CancelFunc
	// release ends that hooks are called when the parent ends.
	release func() bool

	mu    sync.Mutex
	hooks Hook // head of a ring
	ended bool
}

// NewScope is a context that ends with parent, or by End, which must be called.
func NewScope(parent context.Context) *Scope {
	s := &Scope{}
	s.hooks.next, s.hooks.prev = &s.hooks, &s.hooks
	s.Context, s.cancel = context.WithCancel(parent)
	s.release = context.AfterFunc(s.Context, s.fire)
	return s
}

// End ends the scope. After the first time it does nothing.
func (s *Scope) End() {
	s.release()
	s.fire()
	s.cancel()
}

// fire calls the hooks that are attached, and from then on each one at once.
func (s *Scope) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for s.hooks.next != &s.hooks {
		called := s.hooks.next
		called.leave()
		called.Call()
	}
}

// Hook is something to do when a context ends. It is attached to one context at a time.
type Hook struct {
	// Call is called once. It must not wait, nor attach or detach hooks.
	Call func()

	// scope and its neighbours there, if the context is one.
	scope      *Scope
	next, prev *Hook
	// stop is that of any other context.
	stop func() bool
}

// Attach has the hook called when ctx ends, but not by a deadline of WithDeadline, which whoever attaches has to watch: Deadline tells
// it.
func (h *Hook) Attach(ctx context.Context) {
	ctx, _ = watched(ctx)
	scope, ok := ctx.(*Scope)
	if !ok {
		h.stop = context.AfterFunc(ctx, h.Call)
		return
	}
	scope.mu.Lock()
	defer scope.mu.Unlock()
	if h.scope = scope; scope.ended {
		h.Call()
		return
	}
	h.next, h.prev = &scope.hooks, scope.hooks.prev
	h.next.prev, h.prev.next = h, h
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
	late, ok := ctx.(*Late)
	if !ok {
		return ctx, time.Time{}
	}
	around, _ := watched(late.Context) // whose deadline is no earlier
	return around, late.at
}
