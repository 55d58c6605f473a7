package bff

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/dynamicpb"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// PolicyReport is what came of the tests of a policy.
type PolicyReport struct {
	Tests int
	// Failed are the tests that do not hold, at their places; nil for none.
	Failed *AuthorError
	// UntestedRPCs are those that clients reach and that no test is about, UntestedRules the rules that decided in no
	// test, as rules.NAME and fields.NAME.
	UntestedRPCs, UntestedRules []string
}

// TestPolicy runs the tests of a project's policy, from a file that is named relative to its directory. Nothing is sent anywhere, and
// variables of the environment need not be set. If the files are wrong, the error is an *AuthorError, or wraps one.
func TestPolicy(ctx context.Context, dir, file string, options ...Option) (*PolicyReport, error) {
	settings := newSettings(options)
	compiled, err := settings.compile(dir, true)
	if err != nil {
		return nil, err
	}
	tests, problems, err := source.PolicyTests(dir, file)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	t := &policyTests{plan: compiled, policy: compiled.Policy, types: dynamicpb.NewTypes(compiled.Files), rpcs: map[string]bool{}, rules: map[string]bool{}}
	if t.policy == nil {
		t.policy = &plan.Policy{}
	}
	for i, message := range tests.Message.GetTests() {
		t.run(ctx, &policyTest{PolicyTest: message, at: tests.Root.Get("tests").Items[i]})
	}
	return t.report(len(tests.Message.GetTests())), nil
}

// policyTests runs tests of a policy.
type policyTests struct {
	plan   *plan.Plan
	policy *plan.Policy
	types  *dynamicpb.Types
	failed diag.Problems
	// rpcs and rules are those that were tested.
	rpcs, rules map[string]bool
}

// policyTest is one test, and where it stands.
type policyTest struct {
	*configv1.PolicyTest

	at *source.Node
}

func (t *policyTests) run(ctx context.Context, test *policyTest) {
	rpc := t.rpcOf(test)
	if rpc == nil || !t.knowsRule(test) {
		return
	}
	t.rpcs[rpc.Name()] = true
	call, facts := t.callOf(test, rpc)
	if call == nil {
		return
	}
	decision := t.decide(ctx, call, facts)
	t.rules["rules."+decision.By] = true
	switch {
	case decision.Kind != test.GetExpect():
		t.fail(test, "expect", "test %q: expected %s, got %s", test.GetName(), test.GetExpect(), told(decision))
	case test.GetRule() != "" && test.GetRule() != decision.By:
		t.fail(test, "rule", "test %q: expected %s by rule %s, got %s", test.GetName(), test.GetExpect(), test.GetRule(), told(decision))
	}
	if test.GetHidden() != nil {
		t.checkHidden(ctx, test, rpc, call, facts.Now)
	}
}

// told is a decision in words.
func told(decision policy.Decision) string {
	if decision.By == "" {
		return fmt.Sprintf("%s: %s", decision.Kind, decision.Reason)
	}
	return fmt.Sprintf("%s by rule %s: %s", decision.Kind, decision.By, decision.Reason)
}

// fail adds a problem at a setting of a test, or at the test where it has none.
func (t *policyTests) fail(test *policyTest, key, format string, args ...any) {
	t.failWith(test, key, "", format, args...)
}

func (t *policyTests) failWith(test *policyTest, key, hint, format string, args ...any) {
	at := test.at.Get(strings.Split(key, ".")...)
	if at == nil {
		at = test.at
	}
	t.failed.Add(at.Position, len(at.Text), hint, format, args...)
}

// decide is what becomes of a call: at the entrance, and by the rules.
func (t *policyTests) decide(ctx context.Context, call *policy.Call, facts *policy.Facts) policy.Decision {
	switch {
	case call.Caller.IsAnonymous() && len(t.policy.Providers) > 0 && !t.policy.Anonymous[call.RPC]:
		return policy.Decision{Kind: policy.Deny, Reason: identity.ErrNone.Error()}
	case len(t.policy.Rules) == 0:
		return policy.Decision{Kind: policy.Allow, Reason: "there are no rules"}
	default:
		return policyRules(t.policy, call.RPC).Decide(ctx, facts)
	}
}

// checkHidden compares the fields that are hidden with those that have to be.
func (t *policyTests) checkHidden(ctx context.Context, test *policyTest, rpc *plan.RPC, call *policy.Call, now time.Time) {
	var got []string
	if filter := policy.NewFieldFilter(rpc.Method.Output(), t.plan.Files, policyFieldRules(t.policy)); filter != nil {
		got = filter.Hiding(ctx, call, call.Facts(nil, now)).Fields()
	}
	for _, decision := range call.Decisions {
		t.rules["fields."+decision.By] = true
	}
	want := slices.Clone(test.GetHidden())
	slices.Sort(want)
	if !slices.Equal(want, got) {
		t.fail(test, "hidden", "test %q: expected %s to be hidden, got %s", test.GetName(), listed(want), listed(got))
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func (t *policyTests) report(tests int) *PolicyReport {
	report := &PolicyReport{Tests: tests}
	t.failed.Sort()
	if len(t.failed) > 0 {
		report.Failed = &AuthorError{Problems: t.failed}
	}
	for _, rpc := range t.reached() {
		if !t.rpcs[rpc.Name()] {
			report.UntestedRPCs = append(report.UntestedRPCs, rpc.Name())
		}
	}
	var rules []string
	for _, rule := range t.policy.Rules {
		rules = append(rules, "rules."+rule.Name)
	}
	for _, rule := range t.policy.Fields {
		rules = append(rules, "fields."+rule.Name)
	}
	for _, rule := range rules {
		if !t.rules[rule] {
			report.UntestedRules = append(report.UntestedRules, rule)
		}
	}
	return report
}
