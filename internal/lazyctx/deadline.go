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
	err error // why it has ended, once End or the clock has told; nil before
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
	_ = l.ended(cmp.Or(l.told(), context.Canceled))
	l.waited.end()
}

// ended notes why it has ended, unless that is known, and returns what is known.
func (l *Late) ended(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = cmp.Or(l.err, why)
	return l.err
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
	err := l.told()
	if err == nil && !time.Now().Before(l.at) {
		err = l.ended(context.DeadlineExceeded)
	}
	return err
}

// told is why it has ended, without a look at the clock.
func (l *Late) told() error {
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	return cmp.Or(err, l.waited.err(), told(l.Context))
}

// told is why a context has ended. Of those of this package none looks at the clock: their deadlines are those of the contexts around
// them, or earlier, so that only the innermost one needs to.
func told(ctx context.Context) error {
	switch one := ctx.(type) {
	case *Late:
		return one.told()
	case *Scope:
		return one.told()
	case *valued:
		return told(one.Context)
	default:
		return ctx.Err()
	}
}

// Value implements context.Context.
func (l *Late) Value(key any) any { return l.waited.value(l.Context, key) }
