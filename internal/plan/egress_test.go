package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const surface = `
-- sheaf.yaml --
contract: proto
bindings: bindings
accounts: {file: accounts.yaml}
upstreams:
  balanced:
    base_url: https://balanced.internal/v1
    network: private
    balance: {addresses: ["10.0.0.2:8443", "[fd00::1]:8443", "10.0.0.1:8443"], health_check: {get: /healthz}}
    tls: {ca: ca.pem, certificate: c.pem, key: c.key, server_name: inner.internal, pins: ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}
  plain: {base_url: https://plain.example}
  proxied: {base_url: https://far.example, proxy: http://egress.internal:3128}
  social: {base_url: "${account.host}/api"}
-- accounts.yaml --
accounts:
  alice: {attributes: {host: "http://alice.example:8080"}}
  bob: {attributes: {host: "https://social.example"}}
  carol: {attributes: {host: "https://social.example"}}
-- proto/a.proto --
syntax = "proto3";
package a.v1;
service A { rpc Get(Request) returns (Response); }
message Request {}
message Response { string name = 1; }
-- bindings/a.yaml --
service: a.v1.A
rpcs:
  Get:
    calls: {thing: {get: "plain:/things"}}
    response: {name: thing.name}
`

// TestEgress: whatever connections are made to, and whom they trust, is told.
func TestEgress(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, surface)
	var text strings.Builder
	if err := plan.WriteEgress(&text, compiled.Egress()); err != nil {
		t.Fatal(err)
	}
	want := `balanced  https://balanced.internal/v1  private
  connects to 10.0.0.1:8443, 10.0.0.2:8443, [fd00::1]:8443
  TLS with authorities of its own, a client certificate, server name inner.internal, 1 pinned key
  GET  /healthz  health check, without credentials

plain  https://plain.example  public
  connects to plain.example:443
  GET  /things  a.v1.A/Get thing

proxied  https://far.example  public
  through proxy http://egress.internal:3128

social  ${account.host}/api  public
  connects to alice.example:8080, social.example:443
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("egress differs (-want +got):\n%s", diff)
	}
	document, err := json.Marshal(compiled.Egress())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"destinations":[{"host":"egress.internal","port":3128}],"proxy":"http://egress.internal:3128"`,
		`"tls":{"private_ca":true,"client_certificate":true,"pins":["sha256/`, `{"host":"fd00::1","port":8443}`,
	} {
		if !strings.Contains(string(document), part) {
			t.Errorf("%s is missing from %s", part, document)
		}
	}
}
