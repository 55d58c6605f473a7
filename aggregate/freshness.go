package aggregate

import (
	"sync"
	"time"
)

// Freshness says how far a response may be kept, as its parts allow: as long as the shortest-lived of them, and by the client
// alone if one of them is only for the client.
type Freshness struct {
	// MaxAge is for how long; 0 for not at all.
	MaxAge  time.Duration
	Private bool
}

// freshness gathers that of the answers of a run.
type freshness struct {
	mu    sync.Mutex
	known bool
	Freshness
}

// note adds what an answer allows. Every answer does, whatever becomes of it: the response may depend on it.
func (f *freshness) note(one Freshness) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known || one.MaxAge < f.MaxAge {
		f.MaxAge = one.MaxAge
	}
	f.known, f.Private = true, f.Private || one.Private
}

// noteAnswer adds what an upstream's answer allows. A response that depends on headers of the client is for the client alone.
func (a *attempt) noteAnswer(answer *Answer) {
	a.freshness.note(Freshness{MaxAge: answer.MaxAge, Private: answer.Private || len(a.call.Request.Forward) > 0})
	if answer.Stale {
		a.freshness.mu.Lock()
		defer a.freshness.mu.Unlock()
		a.result.StaleAge = max(a.result.StaleAge, answer.Age)
	}
}
