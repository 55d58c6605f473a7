package upstreams

import (
	"sync"
	"time"
)

// budget bounds what retries and hedges add to an upstream's load: a share of the requests of the last ten seconds, or
// minRepeats if that is more, so that a quiet upstream is tried again, too.
type budget struct {
	share float64

	mu      sync.Mutex
	seconds [budgetSeconds]budgetSecond
}

// budgetSecond counts the requests of one second, and the repetitions among them.
type budgetSecond struct {
	unix               int64
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
	b.current().requests++
}

// repeat counts a repetition, if the budget has one left.
func (b *budget) repeat() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.current()
	requests, repeated := 0, 0
	for _, second := range b.seconds {
		if current.unix-second.unix < budgetSeconds {
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

func (b *budget) current() *budgetSecond {
	now := time.Now().Unix()
	second := &b.seconds[now%budgetSeconds]
	if second.unix != now {
		*second = budgetSecond{unix: now}
	}
	return second
}
