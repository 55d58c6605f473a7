package plan_test

import (
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// full is an upstream with something in every part.
func full() *plan.Upstream {
	return &plan.Upstream{
		Name: "shop", BaseURL: "https://shop.example", Timeout: time.Second, Headers: []plan.Header{{Name: "Accept", Value: "x"}},
		Credential: plan.Credential{Kind: key("key", 3), At: diag.Position{Line: 3}},
		Refresh:    &plan.Refresh{Path: "/token", Store: []plan.Stored{{Secret: "token", Path: expr.Path{Root: "answer"}}}},
		Hedging:    &plan.Hedging{Percentile: 0.9}, Cache: &plan.Cache{IgnoreHeaders: []string{"X-Id"}}, At: diag.Position{Line: 2},
	}
}

func key(file string, line int) plan.CredentialKind {
	return plan.HeaderSecret{Name: "X-Key", Secret: plan.Secret{File: file, At: diag.Position{Line: line}}}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*plan.Upstream)
		want   bool
	}{
		"nothing":             {func(*plan.Upstream) {}, true},
		"a position":          {func(u *plan.Upstream) { u.At.Line = 9 }, true},
		"a secret's place":    {func(u *plan.Upstream) { u.Credential = plan.Credential{Kind: key("key", 9)} }, true},
		"an error rule":       {func(u *plan.Upstream) { u.Errors = []*plan.ErrorRule{{Statuses: []int{404}}} }, true},
		"nil for empty":       {func(u *plan.Upstream) { u.Refresh.Form = []plan.Header{} }, true},
		"a number":            {func(u *plan.Upstream) { u.Timeout++ }, false},
		"a header":            {func(u *plan.Upstream) { u.Headers[0].Value = "y" }, false},
		"one header more":     {func(u *plan.Upstream) { u.Headers = append(u.Headers, plan.Header{}) }, false},
		"a secret's file":     {func(u *plan.Upstream) { u.Credential.Kind = key("other", 3) }, false},
		"a path in an answer": {func(u *plan.Upstream) { u.Refresh.Store[0].Path.Root = "other" }, false},
		"no hedging":          {func(u *plan.Upstream) { u.Hedging = nil }, false},
		"a cache's header":    {func(u *plan.Upstream) { u.Cache.IgnoreHeaders[0] = "X-Other" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := full(), full()
			test.change(two)
			if got, back := one.Same(two), two.Same(one); got != test.want || back != test.want {
				t.Errorf("same = %v and %v, want %v", got, back, test.want)
			}
		})
	}
}
