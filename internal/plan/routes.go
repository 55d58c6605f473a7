package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Route answers some requests in another way.
type Route struct {
	Name string
	// When and Sticky are nil for always, and for by chance.
	When, Sticky *Expression
	// Share is the part of the requests that it takes.
	Share float64
	// Answers are what answers, by the RPCs that it is about.
	Answers map[string]*RPC
	// Binding is the name of the one that answers; empty for the one without a name.
	Binding string
	// Upstreams are called instead of others, by the names of those.
	Upstreams map[string]string
	Shadow    bool
	// BeyondRequest is set if the request message alone does not tell whom it takes, so that no cache can know.
	BeyondRequest bool
	At            diag.Position
}

// All are the RPCs that can run: those of services, and those that routes make of them by calling other upstreams.
func (p *Plan) All() []*RPC {
	var all []*RPC
	seen := map[*RPC]bool{}
	var add func(*RPC)
	add = func(rpc *RPC) {
		if seen[rpc] {
			return
		}
		seen[rpc] = true
		all = append(all, rpc)
		for _, call := range rpc.Calls {
			if call.Callee != nil {
				for _, reached := range call.Callee.Reaches {
					add(reached)
				}
			}
		}
	}
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			add(rpc)
		}
	}
	for _, route := range p.Routes {
		for _, name := range slices.Sorted(maps.Keys(route.Answers)) {
			add(route.Answers[name])
		}
	}
	return all
}

// answer is what a route answers the RPC with.
func (r *Route) answer(rpc *RPC) *RPC { return r.Answers[Procedure(rpc.Method)] }

// notes are a route for people: whom it takes, and what answers.
func (r *Route) notes() string {
	var notes []string
	if r.Shadow {
		notes = append(notes, "in the shadow")
	}
	if r.When != nil {
		notes = append(notes, "when "+r.When.Text)
	}
	if r.Share < 1 {
		share := fmt.Sprintf("%g %% of them", r.Share*100) //nolint:mnd // percent
		if r.Sticky != nil {
			share += " by " + r.Sticky.Text
		}
		notes = append(notes, share)
	}
	if r.Binding != "" {
		notes = append(notes, "binding "+r.Binding)
	}
	if len(r.Upstreams) > 0 {
		notes = append(notes, r.Replaced())
	}
	return strings.Join(notes, "; ")
}

// Replaced says which upstreams are called for which others, sorted.
func (r *Route) Replaced() string {
	var replaced []string
	for _, name := range slices.Sorted(maps.Keys(r.Upstreams)) {
		replaced = append(replaced, r.Upstreams[name]+" for "+name)
	}
	return strings.Join(replaced, ", ")
}
