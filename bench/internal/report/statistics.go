package report

import (
	"fmt"
	"slices"
	"strconv"
)

// Spread is what runs have in common, and how far they are apart.
type Spread struct {
	// Low and High are the quartiles.
	Low, Median, High float64
	// Count is how many runs there were.
	Count int
}

// spreadOf is the spread of some values; zero of none.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{Low: quantile(sorted, 0.25), Median: quantile(sorted, 0.5), High: quantile(sorted, 0.75), Count: len(sorted)}
}

// quantile is linear between the two values next to it (Hyndman and Fan, type 7).
func quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}

// asRatio prints a ratio with its quartiles.
func (s Spread) asRatio() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Low, s.High)
}

// String prints a figure with its quartiles.
func (s Spread) String() string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s–%s)", short(s.Median), short(s.Low), short(s.High))
}

// short prints about three digits.
func short(value float64) string {
	switch {
	case value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}
