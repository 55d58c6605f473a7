package aggregate_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

const toldProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  a: {base_url: http://a.internal}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc List(M) returns (M);
}
message M {
  repeated Item items = 1;
}
message Item {
  string id = 1;
  optional string problem = 2;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  List:
    calls:
      all: {get: "a:/all"}
      one:
        each: i in all.items
        key: i.id
        max: 10
        get: a:/one/${i.id}
        optional: true
    response:
      items:
        $each: i in all.items
        id: i.id
        problem: {$join: o in one, $on: o.key == i.id, $value: o.error.reason}
`

// fresh answers with what may be kept for a minute. fails is the path that gets no answer.
type fresh struct {
	unrenewed

	fails string
}

func (f fresh) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	if call.Path == f.fails {
		return nil, failure(plan.ReasonUnavailable)
	}
	return &aggregate.Answer{Status: http.StatusOK, MaxAge: time.Minute, Body: []byte(`{"items": [{"id": "1"}, {"id": "2"}]}`)}, nil
}

// TestFreshnessFailure: a response that tells of a failure is not kept, even if the contract has a field for it.
func TestFreshnessFailure(t *testing.T) {
	t.Parallel()
	for fails, want := range map[string]time.Duration{"": time.Minute, "/one/2": 0} {
		rpc, planned := bindIn(t, toldProject, "List", &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": fresh{fails: fails}}})
		result, err := rpc.Run(t.Context(), aggregate.Input{Request: request(t, planned, `{}`)})
		if err != nil {
			t.Fatal(err)
		}
		if result.Freshness.MaxAge != want || result.Partial != nil {
			t.Errorf("with %q failing: kept for %s, partial %v", fails, result.Freshness.MaxAge, result.Partial)
		}
	}
}

const pollingProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  a: {base_url: http://a.internal}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Get(M) returns (M);
}
message M {
  optional string state = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
      job:
        get: "a:/job"
        poll: {done: answer.body.state == "ready", every: 1ms, max: 3}
    response: {state: job.state}
`

// job is ready at the third request. It notes what each says of caches.
type job struct {
	unrenewed

	controls []string
}

func (j *job) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	j.controls = append(j.controls, call.Header.Get("Cache-Control"))
	state := `{"state": "pending"}`
	if len(j.controls) == 3 {
		state = `{"state": "ready"}`
	}
	return &aggregate.Answer{Status: http.StatusOK, Body: []byte(state)}, nil
}

// TestAskAnew: who asks again for the sake of another answer is not given a kept one.
func TestAskAnew(t *testing.T) {
	t.Parallel()
	to := &job{}
	rpc, planned := bindIn(t, pollingProject, "Get", &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": to}})
	if _, err := rpc.Run(t.Context(), aggregate.Input{Request: request(t, planned, `{}`)}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "no-cache", "no-cache"}; !slices.Equal(to.controls, want) {
		t.Errorf("Cache-Control = %q, want %q", to.controls, want)
	}
}
