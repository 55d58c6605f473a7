package bff

import (
	"slices"
	"sync"
	"time"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// maxDrifts bounds how many kinds of drift are remembered.
const maxDrifts = 200

// DriftRecord is one kind of drift that the server has met: a place in a binding that got something else than it expects.
type DriftRecord struct {
	// At is the place in the binding, Upstream and Path are where the value should have come from.
	At             diag.Position
	Upstream, Path string
	// Expected and Found say what should have been there and what was; Sample is the value with every letter and digit
	// replaced.
	Expected, Found, Sample string
	// Count is how often, First and Last when.
	Count       int
	First, Last time.Time
}

// drifts are the kinds of drift that a server has met, the newest last.
type drifts struct {
	mu   sync.Mutex
	seen []DriftRecord
}

func (d *drifts) add(drift *aggregate.Drift) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	at := slices.IndexFunc(d.seen, func(one DriftRecord) bool {
		return one.At == drift.At && one.Expected == drift.Expected && one.Found == drift.Found
	})
	if at < 0 {
		if len(d.seen) == maxDrifts {
			d.seen = slices.Delete(d.seen, 0, 1)
		}
		d.seen = append(d.seen, DriftRecord{
			At: drift.At, Upstream: drift.Upstream(), Path: drift.Origin, Expected: drift.Expected, Found: drift.Found, Sample: drift.Sample, First: now,
		})
		at = len(d.seen) - 1
	}
	d.seen[at].Count++
	d.seen[at].Last = now
}

// Drifts are the kinds of drift that the server has met since it was opened, the oldest first; of very many, the newest.
func (s *Server) Drifts() []DriftRecord {
	s.drifts.mu.Lock()
	defer s.drifts.mu.Unlock()
	return slices.Clone(s.drifts.seen)
}
