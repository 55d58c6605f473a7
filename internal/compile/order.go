package compile

import (
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// order finds which calls wait for which, and refuses those that wait for themselves.
func order(d *draft) error {
	for _, rpc := range d.rpcs {
		for _, call := range rpc.calls {
			for _, input := range call.inputs {
				call.needs = union(call.needs, input.calls)
			}
			d.addAfter(rpc, call)
		}
		if cycle := rpc.findCycle(); cycle != nil {
			at := rpc.calls[cycle[0]].key
			if len(cycle) == 2 {
				d.reportKey(at, "name another call, or the request", "call %s waits for its own answer", at.Key)
				continue
			}
			names := make([]string, len(cycle))
			for i, call := range cycle {
				names[i] = rpc.calls[call].key.Key
			}
			d.reportKey(at, "let one of them do without the other's answer", "calls wait for each other: %s", strings.Join(names, " -> "))
		}
	}
	return nil
}

// addAfter adds the calls that a call waits for by its own word.
func (d *draft) addAfter(r *rpc, c *call) {
	node := c.key.Value.Get("after")
	if node == nil {
		return
	}
	for _, item := range node.Items {
		other := r.callNamed(item.Text)
		if other == nil {
			d.report(item, diag.DidYouMean("calls", item.Text, r.callNames()), "unknown call %q", item.Text)
			continue
		}
		c.needs = union(c.needs, []int{other.index})
	}
}

func union(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// findCycle is a chain of calls that ends where it begins, or nil.
func (r *rpc) findCycle() []int {
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(r.calls))
	var chain, cycle []int
	var visit func(call int) bool
	visit = func(call int) bool {
		chain = append(chain, call)
		state[call] = open
		for _, need := range r.calls[call].needs {
			if state[need] == open {
				cycle = append(slices.Clone(chain[slices.Index(chain, need):]), need)
				return true
			}
			if state[need] == unseen && visit(need) {
				return true
			}
		}
		chain, state[call] = chain[:len(chain)-1], done
		return false
	}
	for i := range r.calls {
		if state[i] == unseen && visit(i) {
			return cycle
		}
	}
	return nil
}
