// Package lazyctx is for contexts that cost little until somebody waits for their end: of all the calls that are made, few are given up,
// and fewer take as long as they may.
package lazyctx

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Late is a context with a deadline. Its timer starts when somebody waits for its end. It is made by WithDeadline, and safe for concurrent
// use.
type Late struct {
	context.Context

	at     time.Time
	waited waited

	mu  sync.Mutex
	err error // why End ended it; nil before
}

// WithDeadline is a context that ends with its parent, by End, which must be called, or at a time, if that is earlier.
func WithDeadline(parent context.Context, at time.Time) *Late {
	if before, ok := parent.Deadline(); ok && before.Before(at) {
		at = before
	}
	return &Late{Context: parent, at: at}
}

// End ends the context. After the first time it does nothing.
func (l *Late) End() {
	err := cmp.Or(l.Err(), context.Canceled)
	l.mu.Lock()
	l.err = err
	l.mu.Unlock()
	l.waited.end()
}

// Deadline implements context.Context.
func (l *Late) Deadline() (time.Time, bool) { return l.at, true }

// Done implements context.Context.
func (l *Late) Done() <-chan struct{} {
	return l.waited.get(func() (context.Context, context.CancelFunc) {
		return context.WithDeadline(l.Context, l.at)
	}).Done()
}

// Err implements context.Context. It tells that the time is up also where the timer has not fired yet: others have clocks of their own.
func (l *Late) Err() error {
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	if err = cmp.Or(err, l.waited.err(), l.Context.Err()); err == nil && !time.Now().Before(l.at) {
		err = context.DeadlineExceeded
	}
	return err
}

// Value implements context.Context.
func (l *Late) Value(key any) any { return l.waited.value(l.Context, key) }
