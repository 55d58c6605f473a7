package aggregate

import "sync"

// held is the room that the body of an answer takes with its upstream, until what is needed of it has been found: what has been read
// counts there until then. Whoever holds some must not wait for more. It is safe for concurrent use.
type held struct {
	mu sync.Mutex
	// leave gives the room back; nil for none.
	leave func()
	over  bool
}

// Keep holds the room that an answer takes, instead of that of the one before. It is given back at once if nobody needs the answer.
func (h *held) Keep(leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.give()
	if h.leave = leave; h.over {
		h.give()
	}
}

// drop gives the room back, and holds that of the next answer.
func (h *held) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.give()
}

// end gives the room back, also that of answers that are still to come.
func (h *held) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.give()
}

func (h *held) give() {
	if h.leave != nil {
		h.leave()
		h.leave = nil
	}
}
