package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const routed = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  old: {base_url: "http://old.internal", timeout: 2s}
  new: {base_url: "http://new.internal", timeout: 3s, retries: {max: 2}}
  third: {base_url: "http://third.internal"}
routes:
  canary: {rpcs: ["*"], when: '"x-canary" in headers', share: 0.015, sticky: caller.id, upstreams: {old: new}}
  named: {rpcs: [shop.v1.Shop/Get], binding: next}
  trial: {rpcs: [shop.v1.Shop/Get], upstreams: {old: third}, shadow: true}
-- proto/shop.proto --
syntax = "proto3";
package shop.v1;
service Shop {
  rpc Get(Ask) returns (Told) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Outer(Ask) returns (Told);
}
message Ask { string id = 1; }
message Told { optional string title = 1; }
-- bindings/shop.yaml --
service: shop.v1.Shop
rpcs:
  Get:
    calls: {thing: {get: "old:/things/${request.id}"}}
    response: {title: thing.title}
  Outer:
    calls: {inner: {rpc: shop.v1.Shop/Get, request: {id: request.id}}}
    response: {title: inner.title}
-- bindings/next.yaml --
service: shop.v1.Shop
name: next
rpcs:
  Get:
    calls: {thing: {get: "old:/v2/things/${request.id}"}}
    response: {title: thing.title}
`

// TestRoutes: a route has a plan of its own, with what follows from the upstreams that it calls; so have RPCs that it reaches in process.
func TestRoutes(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, routed)
	get, outer := compiled.Find("Get"), compiled.Find("Outer")
	canary, inner := get.Routes[0].Answers["shop.v1.Shop/Get"], outer.Routes[0].Answers["shop.v1.Shop/Outer"].Calls[0].Callee.Reaches[0]
	for name, rpc := range map[string]*plan.RPC{"Get": canary, "the Get of Outer": inner} {
		call := rpc.Calls[0]
		if call.Request.Upstream != "new" || call.Tries != 3 || call.Timeout != 0 || rpc.Route == nil || rpc.Name() != get.Name() {
			t.Errorf("%s by the route: %+v", name, call)
		}
	}
	if call := get.Calls[0]; call.Request.Upstream != "old" || call.Tries != 1 || call.Timeout != 2*time.Second || get.Route != nil {
		t.Errorf("without the route: %+v", call)
	}
	if got := get.Routes[1].Answers["shop.v1.Shop/Get"]; got != compiled.Find("next:shop.v1.Shop/Get") {
		t.Errorf("a binding alone has another plan: %+v", got)
	}
	if got, want := get.MaxCalls(), 3+1; got != want { // the canary with its retries, and the shadow
		t.Errorf("Get: at most %d calls, want %d", got, want)
	}
	if got := outer.MaxCalls(); got != 3 { // no shadow: nobody from outside calls the Get within
		t.Errorf("Outer: at most %d calls, want 3", got)
	}
}

func TestRoutesPrinted(t *testing.T) {
	t.Parallel()
	compiled := plantest.Compile(t, routed)
	var text, egress strings.Builder
	if err := plan.WriteText(&text, []*plan.RPC{compiled.Find("Get")}); err != nil {
		t.Fatal(err)
	}
	if err := plan.WriteEgress(&egress, compiled.Egress()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"routes:\n", `canary  when "x-canary" in headers; 1.5 % of them by caller.id; new for old`, "named   binding next", "trial   in the shadow; third for old",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing from:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"shop.v1.Shop/Get thing (route canary)", "shop.v1.Shop/Get thing (route trial)", "next:shop.v1.Shop/Get thing\n"} {
		if !strings.Contains(egress.String(), want) {
			t.Errorf("%q is missing from:\n%s", want, egress.String())
		}
	}
}
