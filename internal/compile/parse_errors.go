package compile

import (
	"cmp"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"

	"cel.dev/cel-go/cel"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// upstreamRules are the error rules of one upstream.
type upstreamRules struct {
	answer *projection.Shape
	rules  []*plan.ErrorRule
}

// parseErrorRules parses what the answers of each upstream mean.
func (d *draft) parseErrorRules() error {
	base, err := expr.NewEnv(d.files(), d.extensions.Expressions...)
	if err != nil {
		return err
	}
	env, err := base.With(expr.Variable{Name: answerName, Type: cel.DynType}, expr.Variable{Name: nowName, Type: cel.TimestampType})
	if err != nil {
		return err
	}
	d.errors = map[string]*upstreamRules{}
	for _, name := range upstreamNames(d.project.Config) {
		node := d.project.ConfigFile.Root.Get("upstreams", name, "errors")
		found := &upstreamRules{answer: projection.NewShape()}
		d.errors[name] = found
		if node == nil {
			continue
		}
		// The rules see one document, the answer, and no RPC.
		whole := &rpc{documents: map[string]*document{answerName: {index: 0, shape: found.answer}}}
		p := &parser{draft: d, rpc: whole, env: env}
		for i, item := range node.Items {
			found.rules = append(found.rules, p.errorRule(item, d.project.Config.GetUpstreams()[name].GetErrors()[i]))
		}
	}
	return nil
}

func (p *parser) errorRule(node *source.Node, message *configv1.ErrorRule) *plan.ErrorRule {
	rule := &plan.ErrorRule{
		When: operandOf(p.condition(node.Get("when"))), Expired: message.GetExpired(), Reason: plan.Reason(message.GetReason()), At: node.Position,
	}
	for _, status := range message.GetStatus() {
		rule.Statuses = append(rule.Statuses, int(status))
	}
	p.ruleCode(rule, node.Get("code"))
	rule.Reason = cmp.Or(rule.Reason, plan.Reason(reasonOf(message)))
	rule.Retryable = plan.RetryableCode(rule.Code)
	if message.Retryable != nil {
		rule.Retryable = message.GetRetryable()
	}
	if at := node.Get("message"); at != nil {
		rule.Message = operandOf(p.text(at, false))
	}
	if at := node.Get("retry_after"); at != nil {
		rule.RetryAfter = operandOf(p.expression(at, at.Text, 0))
	}
	if at := node.Get("details"); at != nil {
		rule.Details = operandOf(p.expression(at, at.Text, 0))
	}
	if at := node.Get("violations"); at != nil {
		rule.Violations = p.violations(at)
	}
	return rule
}

// ruleCode parses a canonical code, or a hole with an expression that gives the name of one.
func (p *parser) ruleCode(rule *plan.ErrorRule, node *source.Node) {
	if strings.Contains(node.Text, "${") {
		rule.CodeFrom = operandOf(p.text(node, true))
		return
	}
	number, known := code.Code_value[node.Text]
	if !known || number == 0 {
		p.report(node, diag.DidYouMean("codes", node.Text, codeNames()), "unknown code %q", node.Text)
		return
	}
	rule.Code = code.Code(number)
}

func codeNames() []string {
	var names []string
	for _, name := range sortedKeys(code.Code_value) {
		if code.Code_value[name] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// reasonOf is the reason that a rule gives; empty if its code is known only with the answer.
func reasonOf(rule *configv1.ErrorRule) string {
	switch {
	case rule.GetReason() != "":
		return rule.GetReason()
	case strings.Contains(rule.GetCode(), "${"):
		return ""
	default:
		return "UPSTREAM_" + rule.GetCode()
	}
}

func (p *parser) violations(node *source.Node) *plan.Violations {
	parsed, inner := &plan.Violations{}, p
	if at := node.Get("each"); at != nil {
		loop := p.loop(at, "each")
		if loop == nil {
			return nil
		}
		parsed.Loop = loop.freeze()
		if inner = p.inLoop(loop, at); inner == nil {
			return nil
		}
	}
	field := node.Get("field")
	parsed.Field = operandOf(inner.expression(field, field.Text, 0))
	if at := node.Get("message"); at != nil {
		parsed.Message = operandOf(inner.text(at, false))
	}
	return parsed
}
