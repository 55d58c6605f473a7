package aggregate_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/sheaf-rpc/sheaf/aggregate"
)

const judgedProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  a:
    base_url: http://a.internal
    errors:
      - {status: [200], when: answer.body.error == "busy", code: UNAVAILABLE}
      - {status: [200], when: answer.body.error == "none", code: NOT_FOUND}
      - {when: answer.body.error == "ours", code: INTERNAL}
  b: {base_url: http://b.internal}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Ruled(M) returns (M);
  rpc Plain(M) returns (M);
}
message M {
  optional string value = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Ruled:
    calls: {one: {get: "a:/one"}}
    response: {value: one.value}
  Plain:
    calls: {one: {get: "b:/one"}}
    response: {value: one.value}
`

// judges keeps the judge of the last request.
type judges struct {
	unrenewed

	last func(status int, header http.Header, body []byte) (unwell, mayPass, known bool)
}

func (j *judges) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	j.last = call.Judge
	return &aggregate.Answer{Status: http.StatusOK, Body: []byte(`{}`)}, nil
}

// TestJudge: what error rules say of an answer is what the circuit breaker and retries go by. Without rules there is nothing to ask.
func TestJudge(t *testing.T) {
	t.Parallel()
	to := &judges{}
	world := &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": to, "b": to}}
	for _, name := range []string{"Plain", "Ruled"} {
		rpc, planned := bindIn(t, judgedProject, name, world)
		if _, err := rpc.Run(t.Context(), aggregate.Input{Request: request(t, planned, "{}")}); err != nil {
			t.Fatal(err)
		}
		if (to.last != nil) != (name == "Ruled") {
			t.Fatalf("%s: there is a judge: %t", name, to.last != nil)
		}
	}
	type verdict struct{ unwell, mayPass, known bool }
	for _, test := range []struct {
		status int
		body   string
		want   verdict
	}{
		{http.StatusOK, `{"value": "1"}`, verdict{}},
		{http.StatusOK, `{"error": "busy"}`, verdict{unwell: true, mayPass: true, known: true}},
		{http.StatusOK, `{"error": "none"}`, verdict{known: true}},
		{http.StatusOK, `{"error": "ours"}`, verdict{}}, // the rule is not about good statuses
		{http.StatusBadRequest, `{"error": "ours"}`, verdict{unwell: true, known: true}},
		{http.StatusBadRequest, `{"error": "busy"}`, verdict{}},
		{http.StatusBadGateway, `<html>`, verdict{}},
	} {
		var got verdict
		got.unwell, got.mayPass, got.known = to.last(test.status, http.Header{}, []byte(test.body))
		if got != test.want {
			t.Errorf("%d %s: %+v, want %+v", test.status, test.body, got, test.want)
		}
	}
}
