package report

// linear is how much steeper the upper part of something linear may look, with the noise of a benchmark.
const linear = 1.15

// series are cases that grow in one direction: at is where each stands.
type series struct {
	cases []string
	at    []float64
	// low is the case that begins the lower part, knee the one that ends it and begins the upper one.
	low, knee int
}

func byCalls() series {
	return series{cases: []string{"1 small call", "3 small calls", "10 small calls", "30 small calls"}, at: []float64{1, 3, 10, 30}, knee: 2}
}

func bySize() series {
	return series{
		cases: []string{"answer of 0.3 KB", "answer of 2 KB", "answer of 30 KB", "answer of 1 MB", "answer of 8 MB"},
		at:    []float64{300, 2e3, 30e3, 1e6, 8e6}, low: 2, knee: 3,
	}
}

// growth is the slope of Sheaf's CPU time over a series, against that of the hand-written handler.
func (r *Results) growth(over series) Spread {
	last := len(over.cases) - 1
	return fraction(r.slope(over, sheaf, 0, last), r.slope(over, Baseline, 0, last))
}

// bend is the slope of Sheaf's CPU time over the upper part of a series, against that over the lower part.
func (r *Results) bend(over series) Spread {
	return fraction(r.slope(over, sheaf, over.knee, len(over.cases)-1), r.slope(over, sheaf, over.low, over.knee))
}

// slope is between two cases; 0 if one of them has not run.
func (r *Results) slope(over series, subject string, from, to int) float64 {
	begin, end := r.spread(over.cases[from], subject, false, cpu), r.spread(over.cases[to], subject, false, cpu)
	if begin.Count == 0 || end.Count == 0 {
		return 0
	}
	return (end.Median - begin.Median) / (over.at[to] - over.at[from])
}

func fraction(above, below float64) Spread {
	if above <= 0 || below <= 0 {
		return Spread{}
	}
	return spreadOf([]float64{above / below})
}
