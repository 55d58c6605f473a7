package identity

import (
	"sync"
	"time"
)

// bucket holds tokens, which come back at a rate.
type bucket struct {
	perSecond, most float64

	mu     sync.Mutex
	taken  float64
	filled time.Time
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fill(now) {
		return false
	}
	b.taken++
	return true
}

// isEmpty reports whether there is none to take.
func (b *bucket) isEmpty(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.fill(now)
}

// fill puts in what has come back, and reports whether there is one to take.
func (b *bucket) fill(now time.Time) bool {
	b.taken = max(0, b.taken-b.perSecond*now.Sub(b.filled).Seconds())
	b.filled = now
	return b.taken+1 <= b.most
}

// giveBack puts a token back.
func (b *bucket) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = max(0, b.taken-1)
}
