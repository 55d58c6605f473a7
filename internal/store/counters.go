package store

import (
	"context"
	"time"
)

// Counters count what is taken of bounds, by keys. It must be safe for concurrent use.
type Counters interface {
	// Take takes all that is asked for, or nothing, and notes in each Take what came of it. It reports whether it took. No bound is
	// asked for twice with the same key. After an error nobody knows whether it took: it wraps ErrAway, or the caller has given up.
	Take(ctx context.Context, takes []Take) (bool, error)
	// GiveBack gives back what was taken, as far as it still counts. One that fails leaves it counted.
	GiveBack(ctx context.Context, takes []Take)
}

// Take is what one call asks for of one bound, and what came of it.
type Take struct {
	Bound *Bound
	// Key is what is counted apart.
	Key string
	// Cost is not negative. More than Bound.Most is never admitted.
	Cost int64

	// Refused is set if there was not enough left.
	Refused bool
	// Remaining is how much may be taken at once now.
	Remaining int64
	// Reset is when more can be taken; 0 if nothing has been.
	Reset time.Duration
	// Retry is when what was refused would be admitted, if nobody else comes; 0 if it was not refused, or never is admitted.
	Retry time.Duration
}

// note notes what comes of a take when so much is used, in the bound's measure, and its window has so much time left. It returns
// what is used if it takes.
func (t *Take) note(used int64, left time.Duration) (after int64) {
	b := t.Bound
	price := b.price(t.Cost)
	t.Refused, t.Retry = price > b.size-used, 0
	if after = used; !t.Refused {
		after += price
	} else if t.Cost <= b.Most() {
		t.Retry = b.until(used, price, left)
	}
	t.see(used, left)
	return after
}

// see notes what is left when so much is used.
func (t *Take) see(used int64, left time.Duration) {
	b := t.Bound
	t.Remaining, t.Reset = max(0, b.size-used)/b.unit, 0 // of a bound that has been lowered, more may be used
	if used > 0 {
		t.Reset = b.until(used, (t.Remaining+1)*b.unit, left)
	}
}
