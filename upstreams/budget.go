package upstreams

import (
	"sync"
	"time"
)

// budget bounds what retries and hedges add to an upstream's load: a share of the requests of the last ten seconds, or
// minRepeats if that is more, so that a quiet upstream is tried again, too.
type budget struct {
	share float64

	mu sync.Mutex
	// began is when the first request was made. Seconds count from there, so that setting the clock changes nothing.
	began   time.Time
	seconds [budgetSeconds]budgetSecond
}

// budgetSecond counts the requests of one second, and the repetitions among them.
type budgetSecond struct {
	number             int64
	requests, repeated int
}

const (
	budgetSeconds = 10
	minRepeats    = 3
)

// spend counts a request.
func (b *budget) spend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at(time.Now()).requests++
}

// repeat counts a repetition, if the budget has one left.
func (b *budget) repeat() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.at(time.Now())
	requests, repeated := 0, 0
	for _, second := range b.seconds {
		if current.number-second.number < budgetSeconds {
			requests += second.requests
			repeated += second.repeated
		}
	}
	if float64(repeated+1) > max(b.share*float64(requests), minRepeats) {
		return false
	}
	current.repeated++
	return true
}

// at is the second of a time.
func (b *budget) at(now time.Time) *budgetSecond {
	if b.began.IsZero() {
		b.began = now
	}
	number := int64(now.Sub(b.began) / time.Second)
	second := &b.seconds[number%budgetSeconds]
	if second.number != number {
		*second = budgetSecond{number: number}
	}
	return second
}
