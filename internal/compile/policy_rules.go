package compile

import (
	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// parsePolicy compiles the policy.
func parsePolicy(d *draft) error {
	node := d.project.ConfigFile.Root.Get("policy")
	if node == nil {
		return nil
	}
	config := d.project.Config.GetPolicy()
	p, err := d.newPolicyParser(nil)
	if err != nil {
		return err
	}
	d.policy = &plan.Policy{Anonymous: procedures(d.namedBy(node.Get("anonymous"))), LogAll: config.GetLog() != "refusals"}
	d.policy.Providers = p.identity(node.Get("identity"))
	d.policy.Rules = p.rules(node.Get("rules"))
	d.policy.Limits = p.limits(node.Get("limits"))
	d.policy.Idempotency = d.idempotency(node.Get("idempotency"))
	d.policy.Fields = p.fieldRules(node.Get("fields"))
	return nil
}

// namedBy are the RPCs that patterns are about; none if there is no list.
func (d *draft) namedBy(patterns *source.Node) []*rpc {
	if patterns == nil {
		return nil
	}
	return d.matching(patterns)
}

func (p *policyParser) rules(node *source.Node) []*plan.Rule {
	var rules []*plan.Rule
	for _, field := range fieldsOf(node) {
		if rule := p.rule(field, p.project.Config.GetPolicy().GetRules()[field.Key]); rule != nil {
			rules = append(rules, rule)
		}
	}
	return rules
}

func (p *policyParser) rule(field source.Field, message *configv1.Rule) *plan.Rule {
	about, effect := p.matching(field.Value.Get("rpcs")), "allow"
	if _, denies := message.GetEffect().(*configv1.Rule_Deny); denies { // also one that is empty, which is a problem
		effect = "deny"
	}
	when := p.expression(field.Value.Get(effect), about, aCondition)
	if when == nil {
		return nil
	}
	return &plan.Rule{Name: field.Key, Deny: effect == "deny", When: *when}
}
