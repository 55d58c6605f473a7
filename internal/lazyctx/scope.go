package lazyctx

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Scope is a context that can be ended. It keeps its hooks in a list of its own, so that they cost nothing. It is made by NewScope, and safe
// for concurrent use.
type Scope struct {
	context.Context

	// at is the deadline of the parent at which hooks are not called; zero for none.
	at time.Time
	// above has hooks called when the parent ends.
	above Hook
	// left is set once above need not be called any more: hooks are not for several goroutines, and End is.
	left   atomic.Bool
	waited waited

	mu    sync.Mutex
	hooks Hook  // head of a ring
	err   error // why it has ended; nil before hooks are called
}

// NewScope is a context that ends with parent, or by End, which must be called.
func NewScope(parent context.Context) *Scope {
	s := &Scope{Context: parent, at: Deadline(parent)}
	s.hooks.next, s.hooks.prev = &s.hooks, &s.hooks
	s.above.Call = s.fire
	s.above.Attach(parent)
	return s
}

// End ends the scope. After the first time it does nothing.
func (s *Scope) End() {
	if !s.left.Swap(true) {
		s.above.Detach()
	}
	s.fire()
	s.waited.end(s.ended())
}

// fire calls the hooks that are attached, and from then on each one at once.
func (s *Scope) fire() {
	err := cmp.Or(s.Context.Err(), context.Canceled)
	for called := s.next(err); called != nil; called = s.next(err) {
		called.Call()
	}
}

// next takes the next hook that is to be called, since the scope has ended; nil if there is none.
func (s *Scope) next(err error) *Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = cmp.Or(s.err, err)
	next := s.hooks.next
	if next == &s.hooks {
		return nil
	}
	next.leave()
	return next
}

// Done implements context.Context.
func (s *Scope) Done() <-chan struct{} {
	return s.waited.get(func() (context.Context, context.CancelFunc) { return context.WithCancel(s.Context) }).Done()
}

// Err implements context.Context.
func (s *Scope) Err() error { return cmp.Or(s.ended(), s.Context.Err()) }

// told is why it has ended, as the function told says it.
func (s *Scope) told() error { return cmp.Or(s.ended(), told(s.Context)) }

// ended is why hooks have been called; nil before.
func (s *Scope) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Value implements context.Context.
func (s *Scope) Value(key any) any { return s.waited.value(s.Context, key) }
