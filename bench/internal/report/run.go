// Package report is for what comes of runs: medians, spread, ratios, and the tables that show them.
package report

import (
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/child"
)

// Run is one run of one subject in one case. Times are in nanoseconds in JSON.
type Run struct {
	Case    string        `json:"case"`
	Subject string        `json:"subject"`
	Round   int           `json:"round"`
	Calls   int           `json:"calls"`
	Took    time.Duration `json:"took"`
	// Usage is what the subject's process took.
	Usage child.Usage `json:"usage"`
	// Rate is how many calls were to begin in a second, in a run at a fixed rate; 0 in one as fast as answers came.
	Rate float64 `json:"rate,omitempty"`
	// The latencies are those of a run at a fixed rate.
	P50  time.Duration `json:"p50,omitempty"`
	P99  time.Duration `json:"p99,omitempty"`
	P999 time.Duration `json:"p999,omitempty"`
}

// Startup is how long a subject's process took to be ready to serve, and to read its files again, each time.
type Startup struct {
	Case    string          `json:"case"`
	Subject string          `json:"subject"`
	Opened  time.Duration   `json:"opened"`
	Reloads []time.Duration `json:"reloads"`
}

// Subject is who was measured.
type Subject struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// Results are everything that was measured.
type Results struct {
	Machine  Machine   `json:"machine"`
	Method   string    `json:"method"`
	Subjects []Subject `json:"subjects"`
	Runs     []Run     `json:"runs"`
	Startups []Startup `json:"startups"`
}

// Baseline is the subject that ratios are to.
const Baseline = "hand"

// figure is what is read from a run.
type figure func(*Run) float64

// The figures, each for one call where that makes sense.
func cpu(r *Run) float64         { return float64(r.Usage.CPU) / float64(time.Microsecond) / float64(r.Calls) }
func allocations(r *Run) float64 { return float64(r.Usage.Allocations) / float64(r.Calls) }
func kilobytes(r *Run) float64   { return float64(r.Usage.Bytes) / 1e3 / float64(r.Calls) }
func perSecond(r *Run) float64   { return float64(r.Calls) / r.Took.Seconds() }
func peak(r *Run) float64        { return float64(r.Usage.PeakRSS) / 1e6 }
func p50(r *Run) float64         { return milliseconds(r.P50) }
func p99(r *Run) float64         { return milliseconds(r.P99) }
func p999(r *Run) float64        { return milliseconds(r.P999) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// byRound are the runs of a subject in a case: those as fast as answers came, or those at a fixed rate.
func (r *Results) byRound(name, subject string, atRate bool) map[int]*Run {
	found := map[int]*Run{}
	for i := range r.Runs {
		run := &r.Runs[i]
		if run.Case == name && run.Subject == subject && (run.Rate > 0) == atRate && run.Calls > 0 {
			found[run.Round] = run
		}
	}
	return found
}

// spread is that of a figure over rounds.
func (r *Results) spread(name, subject string, atRate bool, of figure) Spread {
	var values []float64
	for _, run := range r.byRound(name, subject, atRate) {
		values = append(values, of(run))
	}
	return spreadOf(values)
}

// ratio is how a figure of a subject relates to that of another, round by round: what disturbs a machine for a while disturbs both.
func (r *Results) ratio(name, subject, to string, atRate bool, of figure) Spread {
	var values []float64
	others := r.byRound(name, to, atRate)
	for round, run := range r.byRound(name, subject, atRate) {
		if other := others[round]; other != nil && of(other) > 0 {
			values = append(values, of(run)/of(other))
		}
	}
	return spreadOf(values)
}

// PerSecond is the median of a subject's calls a second, as fast as answers came; 0 if it has not run.
func (r *Results) PerSecond(name, subject string) float64 {
	return r.spread(name, subject, false, perSecond).Median
}
