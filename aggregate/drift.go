package aggregate

import (
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// Drift is a field, or an element of one, that is unset because an upstream answered in another shape than the binding
// expects.
type Drift struct {
	projection.Report

	// RPC is the one whose binding is to blame: the one that was run, or one that it called in process.
	RPC *plan.RPC
	// Within is the name of the call that led to the RPC, with names of calls in between; empty for the one that was run.
	Within string
	// Field is the path in the response of the RPC that was run.
	Field string
}

// CallName is the name of the call whose answer has drifted; empty if it was not that of a call.
func (d *Drift) CallName() string {
	if d.Call < 0 {
		return d.Within
	}
	name := d.RPC.Calls[d.Call].Name
	return joinNames(d.Within, name)
}

// Upstream is what the call reaches; empty if it was not a call's answer that drifted.
func (d *Drift) Upstream() string {
	if d.Call < 0 {
		return ""
	}
	return d.RPC.Calls[d.Call].Upstream()
}

// drifts are those of the response itself, and then those of the RPCs that were called in process.
func (r *run) drifts(reports []projection.Report) []Drift {
	var all []Drift
	for _, report := range reports {
		all = append(all, Drift{Report: report, RPC: r.plan, Field: report.Field})
	}
	for i := range r.calls {
		for _, inner := range r.calls[i].drifts {
			inner.Within = joinNames(r.calls[i].Name, inner.Within)
			if inner.Field = ""; len(r.plan.Calls[i].Fields) > 0 {
				inner.Field = r.plan.Calls[i].Fields[0]
			}
			all = append(all, inner)
		}
	}
	return all
}

// joinNames is the name of what is below a call: an index, or a call of the RPC that it reaches.
func joinNames(outer, inner string) string {
	if outer == "" || inner == "" || strings.HasPrefix(inner, "[") {
		return outer + inner
	}
	return outer + "." + inner
}
