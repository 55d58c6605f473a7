package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const identified = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  idp: {base_url: https://idp.example}
policy:
  identity:
    found: {jwt: {issuer: https://idp.example, audiences: [shop], discovery: "idp:/.well-known/openid-configuration"}}
    known: {jwt: {issuer: https://other.example, audiences: [shop], jwks: "idp:/keys", clock_skew: 0s}}
    opaque: {introspection: {endpoint: "idp:/introspect"}}
-- proto/a.proto --
syntax = "proto3";
package a.v1;
service A { rpc Get(Request) returns (Response); }
message Request {}
message Response { string name = 1; }
-- bindings/a.yaml --
service: a.v1.A
rpcs: {Get: {response: {name: caller.id}}}
`

// TestIdentityEgress: what finding out who calls sends is told as what calls send is.
func TestIdentityEgress(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, identified)
	var egress, text strings.Builder
	if err := plan.WriteEgress(&egress, compiled.Egress()); err != nil {
		t.Fatal(err)
	}
	want := `idp  https://idp.example  public
  connects to idp.example:443
  GET   /.well-known/openid-configuration  metadata for identity found
  POST  /introspect                        tokens of callers, for identity opaque
  GET   /keys                              keys for identity known
  GET   /{jwks_uri of the metadata}        keys for identity found
`
	if diff := cmp.Diff(want, egress.String()); diff != "" {
		t.Errorf("egress differs (-want +got):\n%s", diff)
	}
	if err := compiled.WriteIdentity(&text); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); !strings.HasPrefix(got, "identity, not for each call:\n") || strings.Count(got, "GET idp:/") != 3 || strings.Count(got, "POST idp:/introspect") != 1 {
		t.Errorf("plan says %s", got)
	}
	first, second := compiled.Policy.Providers[0], compiled.Policy.Providers[1]
	if !first.Same(first) || first.Same(second) || first.JWT.ClockSkew != -1 || second.JWT.ClockSkew != 0 {
		t.Errorf("providers = %+v, %+v", first.JWT, second.JWT)
	}
}
