package bff

import (
	"context"
	"strconv"
	"sync"

	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// maxTrail bounds the notes of one call that are told apart.
const maxTrail = 32

// trail gathers what was done about the upstream calls of an RPC, for the log of decisions. What comes in after the end is about work that goes
// on behind the RPC, and left out.
type trail struct {
	mu    sync.Mutex
	notes []upstreams.Note
	times map[upstreams.Note]int
	ended bool
}

// follow is a context in which what is done about upstream calls is gathered.
func follow(ctx context.Context) (context.Context, *trail) {
	t := &trail{}
	return upstreams.WithNotes(ctx, t.add), t
}

func (t *trail) add(note upstreams.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || len(t.notes) == maxTrail && t.times[note] == 0 {
		return
	}
	if t.times == nil {
		t.times = map[upstreams.Note]int{}
	}
	if t.times[note]++; t.times[note] == 1 {
		t.notes = append(t.notes, note)
	}
}

// end tells a call what was gathered: by the upstream's name, for which call, why, and how often.
func (t *trail) end(call *policy.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, note := range t.notes {
		reason := note.Call
		if note.Reason != "" {
			reason += ": " + note.Reason
		}
		if times := t.times[note]; times > 1 {
			reason += ", " + strconv.Itoa(times) + " times"
		}
		call.Decide(string(note.Kind), note.Upstream, reason)
	}
}
