package aggregate_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

const writingProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  a:
    base_url: http://a.internal
    errors:
      - {status: [200], when: answer.body.error == "taken", code: ALREADY_EXISTS}
      - {status: [200], when: answer.body.error == "broken", code: INTERNAL}
      - {status: [500], when: answer.body.error == "taken", code: ALREADY_EXISTS}
      - {status: [409], when: answer.body.error == "unknown", code: UNKNOWN, reason: OUTCOME_UNKNOWN}
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc Write(M) returns (M);
  rpc Both(M) returns (M);
  rpc Read(M) returns (M);
  rpc Within(M) returns (M);
}
message M {
  optional string value = 1;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Write:
    calls:
      read: {get: "a:/read"}
      search: {post: "a:/search", body: {text: "${read.value}"}, repeatable: true}
      write: {post: "a:/write", body: {text: "${search.value}"}}
    response: {value: write.value}
  Both:
    calls:
      one: {post: "a:/one", optional: true}
      two: {put: "a:/two", optional: true}
    response: {value: one.value + two.value}
  Read:
    calls:
      read: {get: "a:/read"}
      search: {post: "a:/search", repeatable: true}
    response: {value: read.value + search.value}
  Within:
    calls: {write: {rpc: t.S/Write, request: {}}}
    response: {value: write.value}
`

// written notes what it is asked, and answers by the path.
type written struct {
	unrenewed

	answers map[string]error // nil for a good one
	body    string

	mu    sync.Mutex
	asked []string
}

func (w *written) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, call.Path)
	if err := w.answers[call.Path]; err != nil {
		return nil, err
	}
	body := `{"value": "v"}`
	if call.Path == "/write" && w.body != "" {
		body = w.body
	}
	return &aggregate.Answer{Status: http.StatusOK, Body: []byte(body)}, nil
}

// run runs an RPC, and says how often it was asked before something was sent, and what had been sent by then.
func (w *written) run(t *testing.T, name string, refused error) (before [][]string, writes *aggregate.Writes, err error) {
	t.Helper()
	rpc, planned := bindIn(t, writingProject, name, &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": w}})
	writes = &aggregate.Writes{Before: func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		before = append(before, slices.Clone(w.asked))
		return refused
	}}
	_, err = rpc.Run(t.Context(), aggregate.Input{Request: request(t, planned, "{}"), Writes: writes})
	return before, writes, err
}

func answered(status int, body string) error {
	return &aggregate.Failure{Reason: plan.ReasonFailed, Answer: &aggregate.Answer{Status: status, Header: http.Header{}, Body: []byte(body)}}
}

// TestWritesEffective: whether something may have been changed is what each answer to a write says.
func TestWritesEffective(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rpc     string
		answers map[string]error
		body    string
		want    bool
	}{
		"carried out":             {"Write", nil, "", true},
		"carried out within":      {"Within", nil, "", true},
		"nothing but reads":       {"Read", nil, "", false},
		"not reached":             {"Write", map[string]error{"/search": answered(500, "")}, "", false},
		"not sent":                {"Write", map[string]error{"/write": &aggregate.Failure{Reason: plan.ReasonUnavailable, Unsent: true}}, "", false},
		"refused":                 {"Write", map[string]error{"/write": answered(422, "")}, "", false},
		"refused within":          {"Within", map[string]error{"/write": answered(422, "")}, "", false},
		"conflict":                {"Write", map[string]error{"/write": answered(409, "")}, "", false},
		"timeout of the server":   {"Write", map[string]error{"/write": answered(408, "")}, "", true},
		"client closed":           {"Write", map[string]error{"/write": answered(499, "")}, "", true},
		"moved":                   {"Write", map[string]error{"/write": answered(301, "")}, "", true},
		"failed":                  {"Write", map[string]error{"/write": answered(500, "")}, "", true},
		"gateway":                 {"Write", map[string]error{"/write": answered(503, "")}, "", true},
		"no answer":               {"Write", map[string]error{"/write": &aggregate.Failure{Reason: plan.ReasonTimeout}}, "", true},
		"any other error":         {"Write", map[string]error{"/write": errors.New("a bug")}, "", true},
		"not JSON":                {"Write", nil, "<html>", true},
		"refused by a rule":       {"Write", nil, `{"error": "taken"}`, false},
		"failed by a rule":        {"Write", nil, `{"error": "broken"}`, true},
		"500 refused by a rule":   {"Write", map[string]error{"/write": answered(500, `{"error": "taken"}`)}, "", false},
		"409 unknown by a rule":   {"Write", map[string]error{"/write": answered(409, `{"error": "unknown"}`)}, "", true},
		"one refused, one not":    {"Both", map[string]error{"/one": answered(422, "")}, "", true},
		"both refused":            {"Both", map[string]error{"/one": answered(422, ""), "/two": answered(404, "")}, "", false},
		"one unknown, one unsent": {"Both", map[string]error{"/one": answered(500, ""), "/two": &aggregate.Failure{Unsent: true}}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := &written{answers: test.answers, body: test.body}
			before, writes, err := to.run(t, test.rpc, nil)
			if writes.Effective() != test.want {
				t.Errorf("effective = %t after %q, error %v", writes.Effective(), to.asked, err)
			}
			if test.rpc != "Both" && len(before) > 1 {
				t.Errorf("asked %d times before one write", len(before))
			}
		})
	}
}

// TestWritesBefore: before the first write everything else has been sent, and if it may not be sent, nothing follows.
func TestWritesBefore(t *testing.T) {
	t.Parallel()
	refused := errors.New("not now")
	to := &written{}
	before, writes, err := to.run(t, "Within", refused)
	if !errors.Is(err, refused) || writes.Effective() {
		t.Errorf("error = %v, effective = %t", err, writes.Effective())
	}
	if len(before) != 1 || !slices.Equal(before[0], []string{"/read", "/search"}) || len(to.asked) != 2 {
		t.Errorf("before = %q, asked %q", before, to.asked)
	}
	to = &written{}
	if before, _, err := to.run(t, "Read", refused); err != nil || before != nil {
		t.Errorf("reads are asked about: %q, %v", before, err)
	}
	to = &written{}
	if before, writes, _ := to.run(t, "Both", refused); len(before) != 2 || writes.Effective() || to.asked != nil {
		t.Errorf("sent %q, before %q", to.asked, before)
	}
}
