package bff

import (
	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// authorize refuses calls of an RPC that the policy does not allow; nil where everybody may call everything. Where there are rules, and
// none about the RPC, nobody may call it.
func (w *world) authorize(rpc string) connect.Interceptor {
	if w.plan.Policy == nil || len(w.plan.Policy.Rules) == 0 {
		return nil
	}
	return policy.Authorize(policyRules(w.plan.Policy, rpc))
}

// policyRules are the rules about an RPC.
func policyRules(frozen *plan.Policy, rpc string) *policy.Rules {
	var rules []policy.Rule
	for _, rule := range frozen.RulesOf(rpc) {
		rules = append(rules, policy.Rule{Name: rule.Name, Deny: rule.Deny, When: rule.When.Programs[rpc]})
	}
	return policy.NewRules(rules)
}
