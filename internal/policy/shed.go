package policy

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Gate bounds the work of a process in flight, as the sum of what its RPCs cost, so that a flood is refused while there is still
// time to answer those who came before. It is safe for concurrent use.
type Gate struct {
	inFlight atomic.Int64
	refused  func(context.Context)
	refusal  *refusal
}

// NewGate counts the work of a process; refused is told of each RPC that is not let in.
func NewGate(refused func(context.Context)) *Gate {
	return &Gate{refused: refused, refusal: newRefusal()}
}

// leanShare is how much of the work allowed is in flight when optional calls begin to be left out, in percent.
const leanShare = 90

// Handler refuses requests of an RPC whose cost would be beyond the most that may be in flight, before anything of them is read. One
// RPC alone always gets in.
func (g *Gate) Handler(most, cost int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lean, ok := g.enter(int64(most), int64(cost))
		if !ok {
			g.refused(r.Context())
			g.refusal.write(w, r)
			return
		}
		defer g.inFlight.Add(-int64(cost))
		if lean {
			r = r.WithContext(context.WithValue(r.Context(), leanKey{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// enter counts an RPC, unless it is refused. lean is set if optional calls should be left out: little is left of the bound, or the RPC
// is beyond it.
func (g *Gate) enter(most, cost int64) (lean, ok bool) {
	for {
		others := g.inFlight.Load()
		now := others + cost
		if now > most && others > 0 {
			return false, false
		}
		if g.inFlight.CompareAndSwap(others, now) {
			return now > most || others > 0 && now*100 > most*leanShare, true
		}
	}
}

type leanKey struct{}

// IsLean reports whether there is so much work in flight that what can be left out should be.
func IsLean(ctx context.Context) bool { return ctx.Value(leanKey{}) != nil }
