// Package lazyctx is for contexts that cost little until somebody waits for their end: of all the calls that are made, few are given up,
// and fewer take as long as they may.
package lazyctx

import (
	"context"
	"sync"
	"time"
)

// Late is a context with a deadline. Its timer starts when somebody waits for its end. It is made by WithDeadline, and safe for concurrent
// use.
type Late struct {
	context.Context

	at time.Time

	mu sync.Mutex
	// waited is what is waited for, and cancel ends it; nil while nobody waits.
	waited context.Context
	cancel context.CancelFunc
}

// WithDeadline is a context that ends with its parent, or at a time, if that is earlier. Close must be called.
func WithDeadline(parent context.Context, at time.Time) *Late {
	if before, ok := parent.Deadline(); ok && before.Before(at) {
		at = before
	}
	return &Late{Context: parent, at: at}
}

// Close gives up the timer. Nobody may wait any more.
func (l *Late) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		l.cancel()
	}
}

// Deadline implements context.Context.
func (l *Late) Deadline() (time.Time, bool) { return l.at, true }

// Done implements context.Context.
func (l *Late) Done() <-chan struct{} { return l.wait().Done() }

// Err implements context.Context. It tells that the time is up also where the timer has not fired yet: others have clocks of their own.
func (l *Late) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	around := l.Context
	if l.waited != nil {
		around = l.waited
	}
	switch err := around.Err(); {
	case err != nil:
		return err
	case !time.Now().Before(l.at):
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value implements context.Context. What is waited for has the parent's values, and one by which contexts that derive from it find it.
func (l *Late) Value(key any) any {
	l.mu.Lock()
	waited := l.waited
	l.mu.Unlock()
	if waited != nil {
		return waited.Value(key)
	}
	return l.Context.Value(key)
}

func (l *Late) wait() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waited == nil {
		l.waited, l.cancel = context.WithDeadline(l.Context, l.at)
	}
	return l.waited
}
