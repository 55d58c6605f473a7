package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const guarded = `
-- sheaf.yaml --
contract: proto
bindings: bindings
internal: {listen: "127.0.0.1:8081", rpcs: [t.S/Drop], identity: [staff]}
policy:
  identity:
    customers: {api_key: {file: customers.json}}
    staff: {api_key: {file: staff.json, header: X-Staff-Key}}
  anonymous: [t.S/Get]
  rules:
    look: {rpcs: [t.S/Get, t.S/Put], allow: "true"}
    own: {rpcs: ["*"], deny: request.id != caller.id}
  fields:
    inside: {fields: [t.M.name, t.Part.cost], allow: caller.provider == "staff"}
    elsewhere: {fields: [t.Other.name], allow: "false"}
  idempotency: {rpcs: [t.S/Put], required: true}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(M) returns (M);
  rpc Put(M) returns (M);
  rpc Drop(M) returns (Other);
}
message M {
  string id = 1;
  optional string name = 2;
  map<string, Part> parts = 3;
}
message Part {
  optional string cost = 1;
}
message Other {
  string id = 1;
  optional string name = 2;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get: {response: {id: request.id}}
  Put: {response: {id: request.id}}
  Drop: {response: {id: request.id}}
`

// TestAccess: a plan says who may call each RPC.
func TestAccess(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, guarded)
	for rpc, want := range map[string]string{
		"Get": `  with a proof of customers, staff, or without one
  rules:
    look  allows if  true
    own   denies if  request.id != caller.id
  hidden fields:
    inside  t.M.name     unless  caller.provider == "staff"
    inside  t.Part.cost  unless  caller.provider == "staff"
`,
		"Put": `  with a proof of customers, staff
  once for each Idempotency-Key, which is needed
  rules:
    look  allows if  true
    own   denies if  request.id != caller.id
  hidden fields:
    inside  t.M.name     unless  caller.provider == "staff"
    inside  t.Part.cost  unless  caller.provider == "staff"
`,
		"Drop": `  on the internal listener alone
  with a proof of staff
  no rule allows it, so that nobody may call it
  rules:
    own  denies if  request.id != caller.id
  hidden fields:
    elsewhere  t.Other.name  unless  false
`,
	} {
		var text strings.Builder
		if err := plan.WriteText(&text, []*plan.RPC{compiled.Find(rpc)}); err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(text.String(), "upstream calls\n")
		got, _, _ = strings.Cut(got, "  response:\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", rpc, diff)
		}
	}
}
