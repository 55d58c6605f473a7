package aggregate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

const expiring = `
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(Request) returns (Response);
}
message Request {
  string account = 1;
}
message Response {
  string text = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    account: request.account
    calls:
      one: {get: "a:/one"}
    response:
      text: one.text
-- accounts.yaml --
accounts: {alice: {attributes: {id: "17"}}}
-- sheaf.yaml --
contract: proto
bindings: bindings
accounts: {file: accounts.yaml}
upstreams:
  a:
    base_url: http://a.internal
    errors: [{status: [401], code: UNAUTHENTICATED, reason: TOKEN_EXPIRED, expired: true}]
`

// expiringUpstream takes only the credentials of one generation, and is renewed one by one.
type expiringUpstream struct {
	now, good uint64
	asked     int
}

func (u *expiringUpstream) Do(context.Context, *aggregate.Request) (*aggregate.Answer, error) {
	u.asked++
	if u.now == u.good {
		return &aggregate.Answer{Status: 200, Body: []byte(`{"text": "x"}`), Generation: u.now}, nil
	}
	refused := &aggregate.Answer{Status: 401, Body: []byte(`{}`), Generation: u.now}
	return nil, &aggregate.Failure{Reason: plan.ReasonCredentials, Err: errors.New("expired"), Answer: refused}
}

func (u *expiringUpstream) Renew(_ context.Context, _ string, generation uint64) error {
	if generation == u.now {
		u.now++
	}
	return nil
}

// TestRenewal: a call is made again with renewed credentials; once more, if those that another replica had renewed have expired,
// too; and not for ever.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		good  uint64
		asked int
		ok    bool
	}{
		"good":          {0, 1, true},
		"expired":       {1, 2, true},
		"expired twice": {2, 3, true},
		"never good":    {100, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := &expiringUpstream{good: test.good}
			bound, rpc := bindIn(t, expiring, "Get", &aggregate.World{
				Upstreams: map[string]aggregate.Upstream{"a": to}, Accounts: accounts{"alice": `{"id": "17"}`},
			})
			_, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"account": "alice"}`)})
			if (err == nil) != test.ok || to.asked != test.asked {
				t.Errorf("asked %d times, error = %v", to.asked, err)
			}
		})
	}
}
