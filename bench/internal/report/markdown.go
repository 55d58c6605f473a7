package report

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the report: where and how it was measured, the ratios, the details, and what became of the aims.
func (r *Results) Markdown() string {
	var text strings.Builder
	text.WriteString("# What a call costs\n\n" + r.Machine.markdown() + "\n" + r.Method + "\n\n")
	for _, subject := range r.present() {
		fmt.Fprintf(&text, "- `%s`: %s\n", subject.Name, subject.About)
	}
	for _, part := range []struct{ title, body string }{
		{"CPU time for each call, against the hand-written handler", r.overview()},
		{"CPU time for each call, against a handler that does the same", r.alike()},
		{"Details", r.details()},
		{"Latency at half of the hand-written handler's peak rate", r.latency()},
		{"Start and reload", r.startups()},
		{"Aims", r.aims()},
	} {
		if part.body != "" {
			fmt.Fprintf(&text, "\n## %s\n\n%s", part.title, part.body)
		}
	}
	return text.String()
}

// cases are the names of those that have run, in order.
func (r *Results) cases() []string {
	var names []string
	for i := range r.Runs {
		if !slices.Contains(names, r.Runs[i].Case) {
			names = append(names, r.Runs[i].Case)
		}
	}
	return names
}

// present are the subjects that have run.
func (r *Results) present() []Subject {
	var found []Subject
	for _, subject := range r.Subjects {
		if slices.ContainsFunc(r.Runs, func(run Run) bool { return run.Subject == subject.Name }) {
			found = append(found, subject)
		}
	}
	return found
}

// common are the subjects that have run in half of the cases or more; others are in the details alone.
func (r *Results) common() []Subject {
	names := r.cases()
	return slices.DeleteFunc(r.present(), func(subject Subject) bool {
		count := 0
		for _, name := range names {
			if len(r.byRound(name, subject.Name, false)) > 0 {
				count++
			}
		}
		return 2*count < len(names)
	})
}

// table writes rows of Markdown. The first has the titles.
type table struct{ text strings.Builder }

func (t *table) isEmpty() bool { return t.text.Len() == 0 }

// String is the table; empty without a row.
func (t *table) String() string { return t.text.String() }

func (t *table) row(cells ...string) {
	isTitle := t.isEmpty()
	t.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	if isTitle {
		t.text.WriteString("|" + strings.Repeat("---|", len(cells)) + "\n")
	}
}

// overview has a row for each case, a column for each subject, and medians with quartiles of the ratios of each round.
func (r *Results) overview() string {
	var t table
	titles, columns := []string{"case", Baseline + ", µs"}, r.common()
	for _, subject := range columns {
		titles = append(titles, subject.Name)
	}
	t.row(titles...)
	for _, name := range r.cases() {
		cells := []string{name, r.spread(name, Baseline, false, cpu).String()}
		for _, subject := range columns {
			if subject.Name == Baseline {
				cells = append(cells, "1.00")
				continue
			}
			cells = append(cells, r.ratio(name, subject.Name, Baseline, false, cpu).asRatio())
		}
		t.row(cells...)
	}
	return t.String()
}

// alike compares with the handler that has the policies and the tracing that Sheaf has.
func (r *Results) alike() string {
	var t table
	for _, name := range r.cases() {
		ratio := r.ratio(name, sheaf, handGuarded, false, cpu)
		if ratio.Count == 0 {
			continue
		}
		if t.isEmpty() {
			t.row("case", handGuarded+", µs", sheaf)
		}
		t.row(name, r.spread(name, handGuarded, false, cpu).String(), ratio.asRatio())
	}
	return t.String()
}

// details have every figure of every subject as fast as answers came.
func (r *Results) details() string {
	var t table
	t.row("case", "subject", "CPU, µs", "calls/s", "calls/s, ratio", "allocations", "allocated, KB", "peak RSS, MB")
	for _, name := range r.cases() {
		for _, subject := range r.present() {
			if len(r.byRound(name, subject.Name, false)) == 0 {
				continue
			}
			show := func(of figure) string { return r.spread(name, subject.Name, false, of).String() }
			median := func(of figure) string { return short(r.spread(name, subject.Name, false, of).Median) }
			t.row(name, subject.Name, show(cpu), show(perSecond), r.ratio(name, subject.Name, Baseline, false, perSecond).asRatio(),
				median(allocations), median(kilobytes), median(peak))
		}
	}
	return t.String()
}

// latency has the runs at a fixed rate.
func (r *Results) latency() string {
	var t table
	for _, name := range r.cases() {
		for _, subject := range r.present() {
			runs := r.byRound(name, subject.Name, true)
			if len(runs) == 0 {
				continue
			}
			if t.isEmpty() {
				t.row("case", "subject", "calls/s", "p50, ms", "p99, ms", "p99.9, ms", "p99, ratio", "CPU, µs")
			}
			show := func(of figure) string { return r.spread(name, subject.Name, true, of).String() }
			rate := r.spread(name, subject.Name, true, func(run *Run) float64 { return run.Rate })
			t.row(name, subject.Name, short(rate.Median), show(p50), show(p99), show(p999),
				r.ratio(name, subject.Name, Baseline, true, p99).asRatio(), show(cpu))
		}
	}
	return t.String()
}

// startups have how long processes took to be ready, and to reload.
func (r *Results) startups() string {
	var t table
	for _, one := range r.Startups {
		if t.isEmpty() {
			t.row("case", "subject", "start, ms", "reload, ms")
		}
		t.row(one.Case, one.Subject, short(milliseconds(one.Opened)), one.reload().String())
	}
	return t.String()
}

func (s *Startup) reload() Spread {
	var values []float64
	for _, took := range s.Reloads {
		values = append(values, milliseconds(took))
	}
	return spreadOf(values)
}
