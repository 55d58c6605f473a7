package lazyctx

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Cancellable is a context that can be ended. It keeps its hooks in a list of its own, so that they cost nothing. It is made by WithCancel,
// and safe for concurrent use.
type Cancellable struct {
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

// WithCancel is a context that ends with parent, or by End, which must be called.
func WithCancel(parent context.Context) *Cancellable {
	c := &Cancellable{Context: parent, at: Deadline(parent)}
	c.hooks.next, c.hooks.prev = &c.hooks, &c.hooks
	c.above.Call = c.fire
	c.above.Attach(parent)
	return c
}

// End ends the context. After the first time it does nothing.
func (c *Cancellable) End() {
	if !c.left.Swap(true) {
		c.above.Detach()
	}
	c.fire()
	c.waited.end(c.ended())
}

// fire calls the hooks that are attached, and from then on each one at once.
func (c *Cancellable) fire() {
	err := cmp.Or(c.Context.Err(), context.Canceled)
	for called := c.next(err); called != nil; called = c.next(err) {
		called.Call()
	}
}

// next takes the next hook that is to be called, since the context has ended; nil if there is none.
func (c *Cancellable) next(err error) *Hook {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = cmp.Or(c.err, err)
	next := c.hooks.next
	if next == &c.hooks {
		return nil
	}
	next.leave()
	return next
}

// Done implements context.Context.
func (c *Cancellable) Done() <-chan struct{} {
	return c.waited.get(func() (context.Context, context.CancelFunc) { return context.WithCancel(c.Context) }).Done()
}

// Err implements context.Context.
func (c *Cancellable) Err() error { return cmp.Or(c.ended(), c.Context.Err()) }

// told is why it has ended, as the function told says it.
func (c *Cancellable) told() error { return cmp.Or(c.ended(), told(c.Context)) }

// ended is why hooks have been called; nil before.
func (c *Cancellable) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Value implements context.Context.
func (c *Cancellable) Value(key any) any { return c.waited.value(c.Context, key) }
