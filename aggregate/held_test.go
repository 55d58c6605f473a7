package aggregate_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sheaf-rpc/sheaf/aggregate"
)

const holding = `
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Chained(Request) returns (Response);
  rpc Retried(Request) returns (Response);
  rpc Polled(Request) returns (Response);
  rpc Each(Request) returns (Response);
  rpc Broken(Request) returns (Response);
  rpc Panicking(Request) returns (Response);
}
message Request {
  string id = 1;
}
message Response {
  string text = 1;
  repeated string texts = 2;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Chained:
    calls:
      one: {get: "a:/good"}
      two: {get: "a:/${one.text}"}
    response: {text: two.text, texts: one.texts}
  Retried:
    calls:
      one: {get: "a:/refused", retry: {on: [REFUSED], after: 1s, max: 3}}
    response: {text: one.text, texts: one.texts}
  Polled:
    calls:
      one: {get: "a:/good", poll: {done: answer.body.done, every: 1s, max: 3}}
    response: {text: one.text, texts: one.texts}
  Each:
    calls:
      one: {get: "a:/good"}
      all: {each: t in one.texts, key: t, max: 5, get: "a:/${t}"}
    response: {text: one.text, texts: one.texts}
  Broken:
    calls:
      one: {get: "a:/broken"}
    response: {text: one.text, texts: one.texts}
  Panicking:
    calls:
      one: {get: "a:/panics"}
    response: {text: one.text, texts: one.texts}
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  a:
    base_url: http://a.internal
    errors: [{status: [200], when: answer.body.text == "refused", code: UNAVAILABLE, reason: REFUSED}]
`

// roomy is an upstream whose answers take room, for which it would wait if it had none.
type roomy struct {
	unrenewed

	mu   sync.Mutex
	held int
	// before is how many answers were held when each request came, and offered counts those that could be held.
	before  []int
	offered int
	last    *aggregate.Request
}

func (u *roomy) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	u.mu.Lock()
	u.before = append(u.before, u.held)
	u.last = call
	u.mu.Unlock()
	u.offer(call)
	name := strings.TrimPrefix(call.Path, "/")
	switch name {
	case "broken":
		return &aggregate.Answer{Status: 200, Body: []byte("no JSON")}, nil
	case "panics":
		panic("on purpose")
	}
	return &aggregate.Answer{Status: 200, Body: []byte(`{"text": "` + name + `", "done": false, "texts": ["x", "y"]}`)}, nil
}

func (u *roomy) offer(call *aggregate.Request) {
	if call.Hold == nil {
		return
	}
	u.mu.Lock()
	u.held++
	u.offered++
	u.mu.Unlock()
	call.Hold.Keep(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.held--
	})
}

// TestHeld: room is held for one answer at a time of each call, never while something else is waited for, and no longer than the call.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		requests, offered int
	}{
		"Chained":   {2, 2},
		"Retried":   {3, 3},
		"Polled":    {3, 0}, // it waits between its answers
		"Each":      {3, 1}, // answers for elements stay until the last one is there
		"Broken":    {1, 1},
		"Panicking": {1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := &roomy{}
			bound, rpc := bindIn(t, holding, name, &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": to}})
			synctest.Test(t, func(t *testing.T) {
				_, _ = bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{}`)}) // some fail
			})
			if len(to.before) != want.requests || to.offered != want.offered || slices.Max(to.before) > 0 || to.held != 0 {
				t.Errorf("held before each request: %d; %d answers could be held, %d still are", to.before, to.offered, to.held)
			}
			to.offer(to.last) // such as that of a hedge
			if to.held != 0 {
				t.Error("an answer that came late is held")
			}
		})
	}
}
