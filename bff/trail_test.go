package bff_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const trailProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  kept: {base_url: "${env.UPSTREAM}/kept", network: private, cache: {store: memory, default_age: 1m}}
  shaky: {base_url: "${env.UPSTREAM}/shaky", network: private, retries: {max: 2, budget: 1, backoff: 1ms}}
  broken: {base_url: "${env.UPSTREAM}/broken", network: private, breaker: {min_requests: 1, failure_ratio: 0.1, open_for: 1h}}
policy:
  rules:
    everyone: {rpcs: ["*"], allow: "true"}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(GetRequest) returns (GetResponse);
}
message GetRequest {}
message GetResponse {
  optional string kept = 1;
  optional string shaky = 2;
  optional string broken = 3;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
      kept: {get: "kept:/"}
      shaky: {get: "shaky:/"}
      broken: {get: "broken:/", optional: true}
    response: {kept: kept.text, shaky: shaky.text, broken: broken.text}
`

// TestTrail: the log of decisions tells what the cache, retries and circuit breakers did about upstream calls.
func TestTrail(t *testing.T) {
	t.Parallel()
	var shaky atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/broken") || strings.HasPrefix(r.URL.Path, "/shaky") && shaky.Add(1)%2 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"text": "x"}`)
	}))
	t.Cleanup(upstream.Close)
	h := serve(t, plantest.Write(t, trailProject), bff.WithLookupEnv(func(string) (string, bool) { return upstream.URL, true }))
	for range 2 {
		if response := post(t, h, "/t.S/Get", `{}`); response.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s", response.StatusCode, readAll(t, response))
		}
	}
	var got []string
	for _, one := range h.decisions(t) {
		var line []string
		for _, decision := range one.Decisions {
			line = append(line, decision.Kind+" "+decision.By+" ("+decision.Reason+")")
		}
		slices.Sort(line)
		got = append(got, strings.Join(line, "; "))
	}
	want := []string{
		"allow everyone (its condition holds); retry shaky (shaky: unavailable)",
		"allow everyone (its condition holds); breaker broken (broken: open); cache kept (kept: hit); retry shaky (shaky: unavailable)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("decisions = %q, want %q", got, want)
	}
}
