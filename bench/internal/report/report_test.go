package report

import (
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/child"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{Low: 3, Median: 3, High: 3, Count: 1}},
		{[]float64{4, 1}, Spread{Low: 1.75, Median: 2.5, High: 3.25, Count: 2}},
		{[]float64{5, 1, 4, 2, 3}, Spread{Low: 2, Median: 3, High: 4, Count: 5}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spread of %v = %+v, want %+v", test.values, got, test.want)
		}
	}
}

// run is one of ten calls, of so many microseconds each.
func run(name, subject string, round int, microseconds float64) Run {
	return Run{
		Case: name, Subject: subject, Round: round, Calls: 10, Took: time.Second,
		Usage: child.Usage{CPU: time.Duration(10 * microseconds * 1e3), Allocations: uint64(100 * microseconds)},
	}
}

// TestRatio: a round in which the whole machine was slow changes no ratio, and a round without its counterpart counts for nothing.
func TestRatio(t *testing.T) {
	t.Parallel()
	r := &Results{Runs: []Run{
		run("a", "sheaf", 0, 50), run("a", "hand", 0, 100),
		run("a", "sheaf", 1, 500), run("a", "hand", 1, 1000),
		run("a", "sheaf", 2, 60), run("a", "hand", 2, 100),
		run("a", "sheaf", 3, 999),
		run("b", "sheaf", 0, 999), run("b", "hand", 0, 1),
	}}
	r.Runs = append(r.Runs, func() Run { slow := run("a", "hand", 0, 7); slow.Rate = 5; return slow }())
	got := r.ratio("a", "sheaf", "hand", false, cpu)
	if want := (Spread{Low: 0.5, Median: 0.5, High: 0.55, Count: 3}); got.asRatio() != want.asRatio() || got.Count != 3 {
		t.Errorf("ratio = %+v, want %+v", got, want)
	}
	if got := r.ratio("a", "nobody", "hand", false, cpu); got.Count != 0 || got.asRatio() != "" {
		t.Errorf("ratio of nobody = %+v", got)
	}
	if got := r.PerSecond("a", "hand"); got != 10 {
		t.Errorf("calls a second = %v", got)
	}
}

// TestGrowth: what grows alike has slope 1, and a straight line does not bend.
func TestGrowth(t *testing.T) {
	t.Parallel()
	r := &Results{}
	over := byCalls()
	for i, name := range over.cases {
		r.Runs = append(r.Runs, run(name, "sheaf", 0, 20+10*over.at[i]), run(name, "hand", 0, 100+20*over.at[i]))
	}
	if got := r.growth(over); got.asRatio() != "0.50 (0.50–0.50)" {
		t.Errorf("growth = %+v", got)
	}
	if got := r.bend(over); got.asRatio() != "1.00 (1.00–1.00)" {
		t.Errorf("bend = %+v", got)
	}
	if got := r.growth(bySize()); got.Count != 0 {
		t.Errorf("growth of what has not run = %+v", got)
	}
}

// TestMarkdown: what has run is told, and nothing else.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	r := &Results{
		Subjects: []Subject{{"sheaf", "Sheaf"}, {"hand", "by hand"}, {"hand-guarded", "guarded"}, {"krakend", "KrakenD"}},
		Runs: []Run{
			run("3 calls", "sheaf", 0, 50), run("3 calls", "hand", 0, 100), run("3 calls", "hand-guarded", 0, 200),
			run("2 calls", "sheaf", 0, 5), run("2 calls", "hand", 0, 10), run("1 call", "sheaf", 0, 5), run("1 call", "hand", 0, 10),
		},
	}
	text := r.Markdown()
	for _, want := range []string{
		"- `sheaf`: Sheaf\n- `hand`: by hand\n- `hand-guarded`: guarded\n\n",
		"| case | hand-guarded, µs | sheaf |\n|---|---|---|\n| 3 calls | 200 (200–200) | 0.25 (0.25–0.25) |\n\n",
		"| case | hand, µs | sheaf | hand |\n|---|---|---|---|\n| 3 calls | 100 (100–100) | 0.50 (0.50–0.50) | 1.00 |\n",
		"| 3 calls | sheaf | 50.0 (50.0–50.0) | 10.0 (10.0–10.0) | 1.00 (1.00–1.00) | 500 | 0.00 | 0.00 |\n",
		"| CPU per call, 3 calls, proto client, against the hand-written handler | 0.50 | 0.50 | yes |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"KrakenD", "Latency", "Start and reload", "floor"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the report has %q:\n%s", unwanted, text)
		}
	}
}
