package report

import (
	"fmt"
	"strings"
)

// Results are everything that was measured.
type Results struct {
	Runs []Run
}

// Markdown is the report.
func (r *Results) Markdown() string {
	var text strings.Builder
	var order []string
	byKey := map[string][]float64{}
	for _, run := range r.Runs {
		key := run.Case + " | " + run.Subject
		if byKey[key] == nil {
			order = append(order, key)
		}
		byKey[key] = append(byKey[key], float64(run.Usage.CPU.Nanoseconds())/1e3/float64(run.Calls))
	}
	for _, key := range order {
		s := spreadOf(byKey[key])
		fmt.Fprintf(&text, "| %s | %.1f | %.1f | %.1f |\n", key, s.Low, s.Median, s.High)
	}
	return text.String()
}
