package bff

import (
	"slices"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// TestVaryOf: what responses depend on: the headers that are sent on, and those that say who calls, where anybody asks for that.
func TestVaryOf(t *testing.T) {
	t.Parallel()
	rpc := &plan.RPC{Calls: []*plan.Call{{Request: &plan.Request{Forward: []string{"accept-language", "authorization"}}}}}
	for name, test := range map[string]struct {
		policy *plan.Policy
		vary   []string
	}{
		"no policy":   {nil, []string{"Accept-Language", "Authorization"}},
		"limits only": {&plan.Policy{Limits: []*plan.Limit{{}}}, []string{"Accept-Language", "Authorization"}},
		"rules":       {&plan.Policy{Rules: []*plan.Rule{{}}}, []string{"Accept-Language", "Authorization"}},
		"fields":      {&plan.Policy{Fields: []*plan.FieldRule{{}}}, []string{"Accept-Language", "Authorization"}},
		"keys": {
			&plan.Policy{Providers: []*plan.IdentityProvider{{APIKeys: &plan.APIKeys{Header: "X-Api-Key"}}, {APIKeys: &plan.APIKeys{Header: "X-Own-Key"}}, {JWT: &plan.JWT{}}}},
			[]string{"Accept-Language", "Authorization", "X-Api-Key", "X-Own-Key"},
		},
	} {
		w := &world{plan: &plan.Plan{Policy: test.policy}}
		if got := w.varyOf(rpc); !slices.Equal(got, test.vary) {
			t.Errorf("%s: Vary %v", name, got)
		}
	}
}
