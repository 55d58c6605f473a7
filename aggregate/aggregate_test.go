package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const project = `
-- proto/t.proto --
syntax = "proto3";
package t;
import "buf/validate/validate.proto";
import "sheaf/v1/partial.proto";
service S {
  rpc Get(Request) returns (Response);
  rpc Deep(Request) returns (Response);
  rpc Strict(Request) returns (Needed);
}
message Request {
  string id = 1;
}
message Response {
  optional string first = 1;
  optional string second = 2;
  optional string third = 3;
  sheaf.v1.Partial partial = 9;
}
message Needed {
  optional string value = 1 [(buf.validate.field).required = true];
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    timeout: 1s
    calls:
      first: {get: "a:/first/${request.id}"}
      second: {get: "b:/second", optional: true}
      third: {get: "c:/third/${first.next}", optional: true}
    response:
      first: first.value
      second: second.value
      third: third.value
  Deep:
    calls:
      one: {get: "a:/one"}
      two: {get: "b:/two/${one.next}"}
    response:
      first: one.value
      second: two.value
  Strict:
    calls:
      one: {get: "a:/one"}
    response:
      value: one.value
`

// upstream answers after some time, and remembers when it was asked.
type upstream struct {
	unrenewed

	mu      sync.Mutex
	asked   map[string]time.Time
	paths   []string
	answers map[string]reply
}

type reply struct {
	after time.Duration
	body  string
	err   error
}

func (u *upstream) Do(ctx context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	u.mu.Lock()
	u.asked[call.Name] = time.Now()
	u.paths = append(u.paths, call.Path)
	u.mu.Unlock()
	answer := u.answers[call.Name]
	select {
	case <-ctx.Done():
		return nil, &aggregate.Failure{Reason: plan.ReasonTimeout, Retryable: true, Err: fmt.Errorf("give up: %w", ctx.Err())}
	case <-time.After(answer.after):
	}
	if answer.err != nil {
		return nil, answer.err
	}
	return &aggregate.Answer{Status: 200, Body: []byte(answer.body)}, nil
}

func newUpstream(answers map[string]reply) *upstream {
	return &upstream{asked: map[string]time.Time{}, answers: answers}
}

func bind(t *testing.T, name string, to *upstream) (*aggregate.RPC, *plan.RPC) {
	t.Helper()
	return bindIn(t, project, name, &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": to, "b": to, "c": to}})
}

// bindIn is the RPC with a name of a project, and its plan.
func bindIn(tb testing.TB, project, name string, world *aggregate.World) (*aggregate.RPC, *plan.RPC) {
	tb.Helper()
	compiled := plantest.Compile(tb, project)
	bound, err := aggregate.Bind(compiled, world)
	if err != nil {
		tb.Fatal(err)
	}
	rpc := compiled.Find(name)
	return bound[rpc], rpc
}

// unrenewed is for upstreams whose credentials nothing renews.
type unrenewed struct{}

func (unrenewed) Renew(context.Context, string, uint64) error {
	return errors.New("there is nothing to renew")
}

func request(t *testing.T, rpc *plan.RPC, json string) *dynamicpb.Message {
	t.Helper()
	message := dynamicpb.NewMessage(rpc.Method.Input())
	if err := protojson.Unmarshal([]byte(json), message); err != nil {
		t.Fatal(err)
	}
	return message
}

func response(t *testing.T, rpc *plan.RPC, result *aggregate.Result) string {
	t.Helper()
	message := dynamicpb.NewMessage(rpc.Method.Output())
	if err := proto.Unmarshal(result.Message, message); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(message)
}

func failure(reason plan.Reason) *aggregate.Failure {
	return &aggregate.Failure{Reason: reason, Err: errors.New("broken on purpose")}
}

// Two calls of 50 ms that need nothing, and one that needs the first: each starts the moment its own inputs exist.
func TestDataflow(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{
		"first":  {after: 50 * time.Millisecond, body: `{"value": "1", "next": "n"}`},
		"second": {after: 80 * time.Millisecond, body: `{"value": "2"}`},
		"third":  {after: 50 * time.Millisecond, body: `{"value": "3"}`},
	})
	bound, rpc := bind(t, "Get", to)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		result, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("run took %v, want 100ms", took)
		}
		for call, want := range map[string]time.Duration{"first": 0, "second": 0, "third": 50 * time.Millisecond} {
			if got := to.asked[call].Sub(start); got != want {
				t.Errorf("call %s started after %v, want %v", call, got, want)
			}
		}
		if result.Partial != nil {
			t.Errorf("partial = %v, want none", result.Partial)
		}
		if got, want := response(t, rpc, result), `first:"1"  second:"2"  third:"3"`; !sameText(got, want) {
			t.Errorf("response = %s, want %s", got, want)
		}
	})
}

// sameText compares the text forms of messages, whose spaces vary on purpose.
func sameText(a, b string) bool { return squeeze(a) == squeeze(b) }

func squeeze(text string) string {
	var out []rune
	for _, r := range text {
		if r != ' ' {
			out = append(out, r)
		}
	}
	return string(out)
}

// An optional call that hangs is given up while there is still time to answer.
func TestOptionalHangs(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{
		"first":  {body: `{"value": "1", "next": "n"}`},
		"second": {after: time.Hour},
		"third":  {body: `{"value": "3"}`},
	})
	bound, rpc := bind(t, "Get", to)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		result, err := bound.Run(ctx, aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		missing := result.Partial.GetMissingCalls()
		if len(missing) != 1 || missing[0].GetCall() != "second" || missing[0].GetFields()[0] != "second" || !missing[0].GetRetryable() {
			t.Errorf("missing = %v, want call second, field second, retryable", missing)
		}
	})
}

// A call that others wait for leaves them a part of the time: a tenth for each stage, and at most half of it.
func TestReserve(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{"one": {after: time.Hour}})
	bound, rpc := bind(t, "Deep", to)
	for timeout, want := range map[time.Duration]time.Duration{time.Second: 900 * time.Millisecond, 10 * time.Second: 9900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			started := time.Now()
			_, err := bound.Run(ctx, aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
			failed, ok := errors.AsType[*aggregate.CallError](err)
			if !ok || failed.Reason != plan.ReasonTimeout || !failed.OutOfTime || time.Since(started) != want {
				t.Errorf("error %v after %s, want the time to be up after %s", err, time.Since(started), want)
			}
		})
	}
}

// A required call that fails cancels its siblings, and it is the one that is reported.
func TestRequiredFails(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{
		"first":  {after: 10 * time.Millisecond, err: failure(plan.ReasonUnavailable)},
		"second": {after: time.Hour},
	})
	bound, rpc := bind(t, "Get", to)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
		failed, ok := errors.AsType[*aggregate.CallError](err)
		if !ok || failed.Call.Name != "first" || failed.Reason != plan.ReasonUnavailable {
			t.Fatalf("error = %v, want that of call first", err)
		}
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("run took %v, want 10ms", took)
		}
		if to.asked["third"] != (time.Time{}) {
			t.Error("third was asked although first had failed")
		}
	})
}

// A call whose path comes from an optional call that failed is missing too, for the same reason.
func TestOptionalChain(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{
		"first":  {body: `{"value": "1"}`}, // without next
		"second": {body: `{"value": "2"}`},
	})
	bound, rpc := bind(t, "Get", to)
	result, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
	if err != nil {
		t.Fatal(err)
	}
	missing := result.Partial.GetMissingCalls()
	if len(missing) != 1 || missing[0].GetCall() != "third" {
		t.Errorf("missing = %v, want call third", missing)
	}
}

// A value that no path can hold is the caller's mistake, and no upstream hears of it.
func TestRefusedPathValue(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", "..", "../admin?x=1", `..\\x`, "a/../b", "a\\u0000b"} {
		to := newUpstream(nil)
		bound, rpc := bind(t, "Get", to)
		_, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "`+id+`"}`)})
		if wrong, ok := errors.AsType[*aggregate.RequestError](err); !ok || wrong.Violations[0].Field != "id" {
			t.Errorf("id %q: error = %v, want a RequestError of id", id, err)
		}
		if len(to.paths) != 0 {
			t.Errorf("id %q: upstream was asked for %v", id, to.paths)
		}
	}
}

func TestEscapedPath(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{"first": {body: `{"value": "1", "next": "é/ü"}`}, "second": {body: `{}`}, "third": {body: `{}`}})
	bound, rpc := bind(t, "Get", to)
	if _, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "a/b?c=d#e f"}`)}); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"/first/a%2Fb%3Fc%3Dd%23e%20f": true, "/second": true, "/third/%C3%A9%2F%C3%BC": true}
	for _, path := range to.paths {
		if !want[path] {
			t.Errorf("upstream was asked for %s", path)
		}
	}
}

// A required field that an answer does not fill fails the RPC.
func TestRequiredFieldMissing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"value": null}`, `{"value": [1]}`, `{"value": {"x": 1}}`} {
		to := newUpstream(map[string]reply{"one": {body: body}})
		bound, rpc := bind(t, "Strict", to)
		_, err := bound.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{}`)})
		if _, ok := errors.AsType[*aggregate.DriftError](err); !ok {
			t.Errorf("%s: error = %v, want a DriftError", body, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{"one": {after: time.Hour}})
	bound, rpc := bind(t, "Deep", to)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := bound.Run(ctx, aggregate.Input{Request: request(t, rpc, `{}`)})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
	})
}

// panicking is an upstream with a bug.
type panicking struct{ unrenewed }

func (panicking) Do(context.Context, *aggregate.Request) (*aggregate.Answer, error) { panic("a bug") }

// TestPanic: a panic while a call is made fails the call, not the process.
func TestPanic(t *testing.T) {
	t.Parallel()
	good := newUpstream(map[string]reply{"first": {body: `{"value": "1", "next": "n"}`}, "third": {body: `{"value": "3"}`}})
	optional, rpc := bindIn(t, project, "Get", &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": good, "b": panicking{}, "c": good}})
	result, err := optional.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)})
	if err != nil || len(result.Partial.GetMissingCalls()) != 1 {
		t.Errorf("result = %v, error = %v, want call second to be missing", result, err)
	}
	required, rpc := bindIn(t, project, "Get", &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": panicking{}, "b": good, "c": good}})
	if _, err := required.Run(t.Context(), aggregate.Input{Request: request(t, rpc, `{"id": "x"}`)}); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("error = %v, want the panic", err)
	}
}
