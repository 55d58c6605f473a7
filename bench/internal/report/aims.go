package report

import (
	"fmt"
)

// aim is one row of what Sheaf wants to reach.
type aim struct {
	figure string
	most   float64
	seen   Spread
}

// Who is compared with whom.
const (
	sheaf         = "sheaf"
	sheafCrowded  = "sheaf-1000"
	krakend       = "krakend"
	floor         = "floor"
	floorFastHTTP = "floor-fasthttp"
	handGuarded   = "hand-guarded"
)

// aims say what was wanted and what was seen. What did not run is left out.
func (r *Results) aims() string {
	var t table
	for _, one := range r.wanted() {
		if one.seen.Count == 0 {
			continue
		}
		if t.isEmpty() {
			t.row("figure", "aim: at most", "seen", "reached")
		}
		reached := "no"
		if one.seen.Median <= one.most {
			reached = "yes"
		}
		seen := one.seen.asRatio()
		if one.seen.Count == 1 {
			seen = fmt.Sprintf("%.2f", one.seen.Median)
		}
		t.row(one.figure, short(one.most), seen, reached)
	}
	return t.String()
}

func (r *Results) wanted() []aim {
	const main, json, medium, large, crowd = "3 calls", "JSON client", "answer of 30 KB", "answer of 1 MB", "1,000 RPCs loaded"
	against := func(name, to string) Spread { return r.ratio(name, sheaf, to, false, cpu) }
	return []aim{
		{"CPU per call, 3 calls, proto client, against the hand-written handler", 0.50, against(main, Baseline)},
		{"the same against KrakenD's engine", 0.30, against(main, krakend)},
		{"the same against the net/http floor that decodes nothing", 0.90, against(main, floor)},
		{"CPU per call, JSON client, against the hand-written handler", 0.50, against(json, Baseline)},
		{"CPU per call, answer of 30 KB, against the hand-written handler", 0.30, against(medium, Baseline)},
		{"CPU per call, answer of 1 MB, against the hand-written handler", 0.30, against(large, Baseline)},
		{"p99 at half of the hand-written handler's peak rate, against it", 1.00, r.ratio(main, sheaf, Baseline, true, p99)},
		{"allocations for each call, 3 calls, beyond the floor with net/http's client", 20, r.beyond(main, floor)},
		{"allocations for each call, 3 calls, beyond the floor with fasthttp's client", 20, r.beyond(main, floorFastHTTP)},
		{"CPU for each further call (1 to 30), against the hand-written handler", 1.00, r.growth(byCalls())},
		{"the same for Sheaf from 10 to 30, against from 1 to 10 (linear is 1)", linear, r.bend(byCalls())},
		{"CPU for each further byte (0.3 KB to 8 MB), against the hand-written handler", 1.00, r.growth(bySize())},
		{"the same for Sheaf from 1 to 8 MB, against from 30 KB to 1 MB (linear is 1)", linear, r.bend(bySize())},
		{"CPU per call with 1,000 RPCs more, against without", 1.05, r.ratio(crowd, sheafCrowded, sheaf, false, cpu)},
		{"start with 1,000 RPCs more, in seconds", 1, r.start(crowd)},
		{"reload with 1,000 RPCs more, in seconds", 1, r.reload(crowd)},
	}
}

// beyond is by how many allocations Sheaf's calls exceed a floor's, round by round.
func (r *Results) beyond(name, under string) Spread {
	var values []float64
	others := r.byRound(name, under, false)
	for round, run := range r.byRound(name, sheaf, false) {
		if other := others[round]; other != nil {
			values = append(values, allocations(run)-allocations(other))
		}
	}
	return spreadOf(values)
}

func (r *Results) start(name string) Spread {
	for _, one := range r.Startups {
		if one.Case == name && one.Subject == sheafCrowded {
			return spreadOf([]float64{one.Opened.Seconds()})
		}
	}
	return Spread{}
}

func (r *Results) reload(name string) Spread {
	var values []float64
	for _, one := range r.Startups {
		if one.Case == name && one.Subject == sheafCrowded {
			for _, took := range one.Reloads {
				values = append(values, took.Seconds())
			}
		}
	}
	return spreadOf(values)
}
