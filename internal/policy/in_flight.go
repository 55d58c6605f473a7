package policy

import "sync"

// InFlight counts calls in flight, by limits and their keys. It is safe for concurrent use.
type InFlight struct {
	mu     sync.Mutex
	counts map[inFlightKey]int
}

type inFlightKey struct{ limit, key string }

// NewInFlight counts none.
func NewInFlight() *InFlight { return &InFlight{counts: map[inFlightKey]int{}} }

// enter counts one more, unless there are as many as may be. It returns how many more there is room for.
func (f *InFlight) enter(limit, key string, most int) (room int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := f.counts[inFlightKey{limit, key}]
	if count >= most {
		return 0, false
	}
	f.counts[inFlightKey{limit, key}] = count + 1
	return most - count - 1, true
}

// leave counts one less.
func (f *InFlight) leave(limit, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if count := f.counts[inFlightKey{limit, key}]; count > 1 {
		f.counts[inFlightKey{limit, key}] = count - 1
	} else {
		delete(f.counts, inFlightKey{limit, key})
	}
}
