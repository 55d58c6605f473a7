package compile

import (
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// reached are the RPCs that clients reach, in the order of the binding files.
func (d *draft) reached() []*rpc {
	var reached []*rpc
	for _, rpc := range d.rpcs {
		if rpc.bindingName() == "" {
			reached = append(reached, rpc)
		}
	}
	return reached
}

// matching are the RPCs that clients reach and that one of several patterns is about; all of them if there is no list. A pattern that is about none is
// a problem: whoever wrote it believes that something is guarded.
func (d *draft) matching(patterns *source.Node) []*rpc {
	if patterns == nil {
		return d.reached()
	}
	var found []*rpc
	matched := map[*rpc]bool{}
	for _, pattern := range patterns.Items {
		count := 0
		for _, rpc := range d.reached() {
			if !matches(pattern.Text, plan.Procedure(rpc.method)) {
				continue
			}
			count++
			if !matched[rpc] {
				matched[rpc] = true
				found = append(found, rpc)
			}
		}
		if count == 0 {
			d.reportPattern(pattern)
		}
	}
	return found
}

// matches reports whether a pattern is about an RPC: *, SERVICE/*, SERVICE/Prefix* or SERVICE/RPC.
func matches(pattern, procedure string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	if !open {
		return pattern == procedure
	}
	return (prefix == "" || strings.Contains(prefix, "/")) && !strings.Contains(prefix, "*") && strings.HasPrefix(procedure, prefix)
}

func (d *draft) reportPattern(pattern *source.Node) {
	var known []string
	for _, rpc := range d.reached() {
		known = append(known, plan.Procedure(rpc.method))
	}
	service, method, whole := strings.Cut(pattern.Text, "/")
	hint := "write SERVICE/RPC, SERVICE/Prefix*, SERVICE/* or *"
	switch {
	case !whole:
		if i := slices.IndexFunc(known, func(name string) bool { return strings.HasSuffix(name, "/"+pattern.Text) }); i >= 0 {
			hint = "write " + known[i]
		}
	case whole && !strings.HasSuffix(method, "*"):
		hint = diag.DidYouMean("RPCs", pattern.Text, known)
	case whole:
		var services []string
		for _, name := range known {
			one, _, _ := strings.Cut(name, "/")
			if !slices.Contains(services, one) {
				services = append(services, one)
			}
		}
		if !slices.Contains(services, service) {
			hint = diag.DidYouMean("services", service, services)
		}
	}
	d.report(pattern, hint, "no bound RPC is %q", pattern.Text)
}

// procedures are RPCs as a set of their full names.
func procedures(rpcs []*rpc) map[string]bool {
	names := map[string]bool{}
	for _, rpc := range rpcs {
		names[plan.Procedure(rpc.method)] = true
	}
	return names
}
