package policy_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// TestOutcome: what ended a call, whatever else was decided about it.
func TestOutcome(t *testing.T) {
	t.Parallel()
	answered := &policy.Answer{}
	for _, test := range []struct {
		answer *policy.Answer
		kinds  []string
		want   string
	}{
		{nil, nil, policy.Unread},
		{answered, nil, policy.Allow},
		{answered, []string{policy.Allow, "route", policy.Hide}, policy.Allow},
		{answered, []string{policy.Allow, "limit"}, "limit"},
		{answered, []string{"route", policy.Deny}, policy.Deny},
		{nil, []string{policy.Deny}, policy.Deny},
		{answered, []string{policy.Allow, "conflict"}, "conflict"},
	} {
		call := &policy.Call{Answer: test.answer}
		for _, kind := range test.kinds {
			call.Decide(kind, "", "")
		}
		if got := call.Outcome(); got != test.want {
			t.Errorf("outcome of %v = %s, want %s", test.kinds, got, test.want)
		}
	}
}
