// Package lazyctx is for contexts that cost little until somebody waits for their end: of all the calls that are made, few are given up,
// and fewer take as long as they may.
//
// A Late has a deadline, and a Cancellable can be ended with all that was begun in it. Neither starts a timer or a goroutine: whoever only reads
// and writes on a connection attaches a Hook, and gives the connection the Deadline. Only when somebody calls
// Done, or derives a context of the standard library that ends with them, is one of the standard library made behind them.
package lazyctx

import (
	"cmp"
	"context"
	"time"
)

// Late is a context with a deadline, whose timer starts when somebody waits for its end. It is made by WithDeadline, and safe for
// concurrent use.
type Late struct {
	context.Context

	at     time.Time
	waited waited
}

// WithDeadline is a context that ends with its parent, by End, which must be called, or at a time, if that is earlier.
func WithDeadline(parent context.Context, at time.Time) *Late {
	if before, ok := parent.Deadline(); ok && before.Before(at) {
		at = before
	}
	return &Late{Context: parent, at: at}
}

// End ends the context. After the first time it does nothing.
func (l *Late) End() { l.waited.end(cmp.Or(l.told(), context.Canceled)) }

// Deadline implements context.Context.
func (l *Late) Deadline() (time.Time, bool) { return l.at, true }

// Done implements context.Context.
func (l *Late) Done() <-chan struct{} {
	return l.waited.get(func() (context.Context, context.CancelFunc) {
		return context.WithDeadline(l.Context, l.at)
	}).Done()
}

// Err implements context.Context. It tells that the time is up also where the timer has not fired yet: others have clocks of their own. From
// then on it says nothing else.
func (l *Late) Err() error {
	err := l.told()
	if err == nil && time.Until(l.at) <= 0 {
		_ = l.Done() // which is made now if it was not: context.Cause asks it
		err = l.waited.note(context.DeadlineExceeded)
	}
	return err
}

// told is why it has ended, as the function told says it.
func (l *Late) told() error { return cmp.Or(l.waited.told(), told(l.Context)) }

// told is why a context has ended, without a look at the clock if it is one of this package. No deadline is later than those of the contexts
// around it: so Err looks at the clock for its own alone.
func told(ctx context.Context) error {
	switch one := ctx.(type) {
	case *Late:
		return one.told()
	case *Cancellable:
		return one.told()
	case *valued:
		return told(one.Context)
	default:
		return ctx.Err()
	}
}

// Value implements context.Context.
func (l *Late) Value(key any) any { return l.waited.value(l.Context, key) }
