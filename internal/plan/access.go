package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Access is who may call an RPC, for people.
type Access struct {
	// Internal is set if it is served on the internal listener alone.
	Internal bool
	// Proofs are the names of the providers whose proofs count; without any, everybody is anonymous.
	Proofs []string
	// Anonymous is set if it may be called without proof.
	Anonymous bool
	// Ruled is set if the policy has rules, and Rules are those about the RPC, in the order of the file.
	Ruled bool
	Rules []*Rule
	// Once is set if it happens once for each Idempotency-Key, and Keyed if a request has to have one.
	Once, Keyed bool
	// Hidden are the fields of its responses that rules hide, in the order of the file.
	Hidden []HiddenFields
}

// HiddenFields are those of one rule.
type HiddenFields struct {
	Rule *FieldRule
	// Fields are written as MESSAGE.FIELD.
	Fields []string
}

// AccessTo is who may call an RPC that clients reach; of no policy, everybody. The internal listener is nil for none.
func (p *Policy) AccessTo(rpc string, internal *Internal) Access {
	access := Access{Internal: internal != nil && internal.RPCs[rpc]}
	if p == nil {
		return access
	}
	for _, provider := range p.Providers {
		if !access.Internal || len(internal.Identity) == 0 || slices.Contains(internal.Identity, provider.Name) {
			access.Proofs = append(access.Proofs, provider.Name)
		}
	}
	access.Anonymous, access.Ruled, access.Rules = p.Anonymous[rpc], len(p.Rules) > 0, p.RulesOf(rpc)
	if p.Idempotency != nil && p.Idempotency.RPCs[rpc] {
		access.Once, access.Keyed = true, p.Idempotency.Required
	}
	return access
}

// write prints what holds, and nothing where everybody may call.
func (a Access) write(text *strings.Builder) {
	if a.Internal {
		text.WriteString("  on the internal listener alone\n")
	}
	if len(a.Proofs) > 0 {
		proof := "with a proof of " + strings.Join(a.Proofs, ", ")
		if a.Anonymous {
			proof += ", or without one"
		}
		fmt.Fprintf(text, "  %s\n", proof)
	}
	switch {
	case a.Keyed:
		text.WriteString("  once for each Idempotency-Key, which is needed\n")
	case a.Once:
		text.WriteString("  once for each Idempotency-Key\n")
	}
	a.writeRules(text)
	var hidden strings.Builder
	for _, one := range a.Hidden {
		for _, field := range one.Fields {
			fmt.Fprintf(&hidden, "    %s\t%s\tunless\t%s\n", one.Rule.Name, field, one.Rule.Allow.Text)
		}
	}
	writeTable(text, "  hidden fields:\n", hidden.String())
}

func (a Access) writeRules(text *strings.Builder) {
	if !a.Ruled {
		return
	}
	if !slices.ContainsFunc(a.Rules, func(rule *Rule) bool { return !rule.Deny }) {
		text.WriteString("  no rule allows it, so that nobody may call it\n")
	}
	var rules strings.Builder
	for _, rule := range a.Rules {
		effect := "allows if"
		if rule.Deny {
			effect = "denies if"
		}
		fmt.Fprintf(&rules, "    %s\t%s\t%s\n", rule.Name, effect, rule.When.Text)
	}
	writeTable(text, "  rules:\n", rules.String())
}

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
