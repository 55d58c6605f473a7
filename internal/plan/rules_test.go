package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const ruled = `
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(Thing) returns (Thing);
  rpc Put(Thing) returns (Thing);
  rpc Drop(Thing) returns (Thing);
}
message Thing { string id = 1; }
-- bindings/s.yaml --
service: t.S
rpcs:
  Get: {response: {id: request.id}}
  Put: {response: {id: request.id}}
  Drop: {response: {id: request.id}}
-- sheaf.yaml --
contract: proto
bindings: bindings
policy:
  rules:
    owners: {rpcs: [t.S/Get], allow: request.id == caller.id}
    outside: {rpcs: [t.S/Get, t.S/Put], deny: '!peer.ip.startsWith("10.")'}
`

// TestRules: a plan prints the rules about each RPC, and that nobody may call one that no rule allows.
func TestRules(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, ruled)
	var text strings.Builder
	for _, name := range []string{"Get", "Put", "Drop"} {
		if err := plan.WriteText(&text, []*plan.RPC{compiled.Find(name)}); err != nil {
			t.Fatal(err)
		}
	}
	const want = `t.S/Get  (bindings/s.yaml:3:3)
  at most 0 upstream calls
  rules:
    owners   allow  request.id == caller.id
    outside  deny   !peer.ip.startsWith("10.")
  response:
    id  string  <- request.id
t.S/Put  (bindings/s.yaml:4:3)
  at most 0 upstream calls
  denied to everybody: no rule allows it
  rules:
    outside  deny  !peer.ip.startsWith("10.")
  response:
    id  string  <- request.id
t.S/Drop  (bindings/s.yaml:5:3)
  at most 0 upstream calls
  denied to everybody: no rule allows it
  response:
    id  string  <- request.id
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("plan differs (-want +got):\n%s", diff)
	}
}
