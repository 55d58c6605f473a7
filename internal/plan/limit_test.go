package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const limited = `
-- sheaf.yaml --
contract: proto
bindings: bindings
redis: {addresses: [redis.internal:6379]}
policy:
  limits:
    each: {key: caller.id, rate: 100/s, store: redis}
    even: {rpcs: [t.S/Get], rate: 5/m}
    other: {rpcs: [t.S/List], rate: 5/m, burst: 5}
    month: {key: "[caller.id, rpc][0]", quota: 10000/month, cost: "size(request.id) + 1", store: redis, when_away: deny}
    at_once: {rpcs: [t.S/*], concurrency: 20}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(M) returns (M);
  rpc List(M) returns (M);
}
message M {
  string id = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get: {response: {id: request.id}}
  List: {response: {id: request.id}}
`

// TestLimits: a plan knows the limits of each RPC, with their defaults, and prints them.
func TestLimits(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, limited)
	var text strings.Builder
	if err := plan.WriteText(&text, []*plan.RPC{compiled.Find("Get")}); err != nil {
		t.Fatal(err)
	}
	const want = `t.S/Get  (bindings/s.yaml:3:3)
  at most 0 upstream calls
  limits:
    each     100/s, at once 100  for each caller.id; in Redis, while away memory
    even     5/m, at once 1      for all together
    month    10000/month         for each [caller.id, rpc][0]; costs size(request.id) + 1; in Redis, while away deny
    at_once  20 in flight        for all together
  response:
    id  string  <- request.id
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("plan differs (-want +got):\n%s", diff)
	}
	for _, limit := range compiled.Find("List").Limits {
		if limit.Cost != nil && limit.Cost.Programs["t.S/List"] == nil || limit.Name == "even" {
			t.Errorf("List has %+v", limit)
		}
	}
}
