package plan

import (
	"fmt"
	"strings"
)

// RulesOf are the rules about an RPC, in the order of the file; of no policy, none.
func (p *Policy) RulesOf(rpc string) []*Rule {
	if p == nil {
		return nil
	}
	var rules []*Rule
	for _, rule := range p.Rules {
		if rule.When.Programs[rpc] != nil {
			rules = append(rules, rule)
		}
	}
	return rules
}

// Denies reports whether nobody may call an RPC: there are rules, and none that allows is about it.
func (p *Policy) Denies(rpc string) bool {
	if p == nil || len(p.Rules) == 0 {
		return false
	}
	for _, rule := range p.RulesOf(rpc) {
		if !rule.Deny {
			return false
		}
	}
	return true
}

// writeRules prints the rules about an RPC for people.
func (r *RPC) writeRules(text *strings.Builder) {
	if r.Denied {
		text.WriteString("  denied to everybody: no rule allows it\n")
	}
	var lines strings.Builder
	for _, rule := range r.Rules {
		effect := "allow"
		if rule.Deny {
			effect = "deny"
		}
		fmt.Fprintf(&lines, "    %s\t%s\t%s\n", rule.Name, effect, rule.When.Text)
	}
	writeTable(text, "  rules:\n", lines.String())
}
