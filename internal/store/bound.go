package store

import (
	"math"
	"time"
)

// Bound is how much may be taken: so much in a time, spread evenly, or so much in each window of the calendar. Nothing changes one.
//
// A rate is GCRA, the generic cell rate algorithm (ITU-T I.371, ATM Forum UNI 3.1): of each key, the time is kept at which all that has been
// taken would have come, had it come evenly. What is taken moves that time by an interval for each unit, and it may be ahead of the
// clock by as many intervals as may come at once. So both kinds say how much is used of a size: a rate in nanoseconds that the time
// is ahead, a quota in units of the window.
type Bound struct {
	// Name tells it from others of the same Counters, also after it has changed.
	Name string
	// size is how much may be used, and unit what a cost of 1 uses.
	size, unit int64
	// window is none for a rate.
	window Window
}

// Window is a kind of window of the calendar, in UTC.
type Window int

// The kinds of windows.
const (
	none Window = iota
	Minute
	Hour
	Day
	Month
)

const (
	// maxSize bounds what may be used, so that it is a whole number in Lua as well, and sums do not overflow: 30 days for a rate. Who
	// declares limits is told of it by check.
	maxSize = int64(30 * 24 * time.Hour)
	// setBack is how far a clock may go back without a window that has begun beginning again.
	setBack = time.Hour
)

// NewRate is count units in each per; burst of them may come at once. All are at least 1, and count in a second at most a million:
// the interval is rounded up to nanoseconds, so that a rate is never more than declared, and less by a thousandth at most.
func NewRate(name string, count int64, per time.Duration, burst int64) *Bound {
	count = max(1, count)
	unit := max(1, int64(per)/count)
	if unit*count < int64(per) {
		unit++
	}
	unit = min(unit, maxSize)
	return &Bound{Name: name, unit: unit, size: min(max(1, burst), maxSize/unit) * unit}
}

// NewQuota is count units in each window.
func NewQuota(name string, count int64, each Window) *Bound {
	return &Bound{Name: name, unit: 1, size: min(max(1, count), maxSize), window: each}
}

// Most is the highest cost that is ever admitted.
func (b *Bound) Most() int64 { return b.size / b.unit }

// IsQuota reports whether it is a quota, and not a rate.
func (b *Bound) IsQuota() bool { return b.window != none }

// price is what a cost uses; more than the whole if the cost is.
func (b *Bound) price(cost int64) int64 { return min(cost, b.Most()+1) * b.unit }

// until is when a price is there that is not now: a rate's comes by itself, a quota's with the next window.
func (b *Bound) until(used, price int64, left time.Duration) time.Duration {
	if b.IsQuota() {
		return left
	}
	return time.Duration(max(0, used+price-b.size))
}

// longest is how long a window may be; 0 for none.
func (w Window) longest() time.Duration {
	const day = 24 * time.Hour
	return [...]time.Duration{none: 0, Minute: time.Minute, Hour: time.Hour, Day: day, Month: 31 * day}[w]
}

// end is when the window ends that a moment is in, as Unix seconds.
func (w Window) end(at time.Time) int64 {
	if w == Month {
		year, month, _ := at.UTC().Date()
		return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	length, now := int64(w.longest()/time.Second), at.Unix()
	return now - now%length + length // each day of Unix time has 86400 seconds
}

// Length is how long the window is that a moment is in.
func (w Window) Length(at time.Time) time.Duration {
	if w == Month {
		year, month, _ := at.UTC().Date()
		return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Sub(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC))
	}
	return w.longest()
}

// lasts reports whether a window that ends then, in Unix seconds, is the one that counts. One that is too far ahead is from a wrong clock.
func (w Window) lasts(end int64, now time.Time) bool {
	left := end - now.Unix()
	return left > 0 && left <= int64((w.longest()+setBack)/time.Second)
}

// share is the part of the whole that is used.
func (b *Bound) share(used int64) float64 { return math.Max(0, float64(used)/float64(b.size)) }
