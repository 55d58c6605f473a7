package compile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkCost refuses a cost that is known beforehand, and with which every call of an RPC would be refused.
func (p *policyParser) checkCost(node *source.Node, limit *plan.Limit) {
	if limit.Cost == nil {
		return
	}
	most, hint := mostOf(limit)
	for _, rpc := range slices.Sorted(maps.Keys(limit.Cost.Programs)) {
		cost, known := fixedCost(limit.Cost.Programs[rpc], rpc)
		switch {
		case known && cost < 0:
			p.report(node, "write 0 for what counts nothing", "a call of %s costs %d", rpc, cost)
			return
		case known && most > 0 && cost > most:
			p.report(node, fmt.Sprintf(hint, cost), "a call of %s costs %d, and the limit never admits more than %d", rpc, cost, most)
			return
		}
	}
}

// mostOf is the most that a call may cost, and a hint that lacks a cost; 0 where the environment has it.
func mostOf(limit *plan.Limit) (most int64, hint string) {
	switch {
	case limit.Rate != nil:
		return limit.Rate.Burst, "write burst: %d at least, or a lower cost"
	case limit.Quota != nil:
		return limit.Quota.Count, "write quota: %d/" + limit.Quota.Each + " at least, or a lower cost"
	default:
		return 0, ""
	}
}

// fixedCost is what a call of an RPC always costs, where nothing else decides.
func fixedCost(program *expr.Program, rpc string) (cost int64, known bool) {
	if len(program.Names) > 0 && !slices.Equal(program.Names, []string{rpcName}) {
		return 0, false
	}
	value, outcome, _ := program.Eval(context.Background(), named(rpc))
	if outcome != expr.Found {
		return 0, false
	}
	cost, known = value.Value().(int64)
	return cost, known
}

// named is the name of an RPC as expressions see it.
type named string

var _ expr.Activation = named("")

// Resolve implements expr.Activation.
func (n named) Resolve(name string) (any, bool) { return string(n), name == rpcName }
