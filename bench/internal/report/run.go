// Package report is for what comes of runs: medians, spread, ratios, and the tables that show them.
package report

import (
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/child"
)

// Run is one run of one subject in one case.
type Run struct {
	Case, Subject string
	Round         int
	Calls         int
	Took          time.Duration
	// Usage is what the subject's process took.
	Usage child.Usage
	// Rate is how many calls a second began, in a run at a fixed rate; 0 in one as fast as answers came.
	Rate float64 `json:",omitempty"`
	// P50, P99 and P999 are latencies, in a run at a fixed rate.
	P50, P99, P999 time.Duration `json:",omitempty"`
}

// Startup is how long a subject's process took to be ready to serve, and to read its files again.
type Startup struct {
	Case, Subject string
	Opened        time.Duration
	// Reloads are empty if it cannot.
	Reloads []time.Duration `json:",omitempty"`
}
