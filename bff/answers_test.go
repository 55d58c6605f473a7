package bff_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// things is a project in front of one upstream, with a field of every kind.
const things = `
-- sheaf.yaml --
contract: proto
bindings: bindings
server: {max_request_bytes: 64KiB}
upstreams:
  things: {base_url: "${env.THINGS_URL}", network: private, breaker: {min_requests: 100000}}
-- proto/things.proto --
syntax = "proto3";
package things.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
import "sheaf/v1/partial.proto";
service Things {
  rpc Get(GetRequest) returns (Thing);
  rpc Touch(GetRequest) returns (Touched);
}
message GetRequest {
  string id = 1;
  int32 count = 2;
  google.protobuf.Struct extra = 3;
}
message Thing {
  string name = 1;
  optional int32 count = 2;
  optional double weight = 3;
  optional bool active = 4;
  google.protobuf.Timestamp made_at = 5;
  repeated string words = 6;
  google.protobuf.Value free = 7;
  repeated Part parts = 8;
  int64 big = 9;
  sheaf.v1.Partial partial = 15;
}
message Part {
  int32 number = 1;
}
message Touched {}
-- bindings/things.yaml --
service: things.v1.Things
rpcs:
  Get:
    calls:
      thing: {get: "things:/things/${request.id}", timeout: 2s}
    response:
      name: thing.name
      count: thing.count
      weight: thing.weight
      active: thing.active
      made_at: thing.made_at
      words: thing.words
      free: thing.free
      parts: {$each: p in thing.parts, number: p.n}
      big: thing.big
  Touch:
    calls:
      touched: {delete: "things:/things/${request.id}"}
`

const (
	getThing   = "/things.v1.Things/Get"
	touchThing = "/things.v1.Things/Touch"
)

// openThings serves the things project in front of a handler.
func openThings(t *testing.T, upstream http.HandlerFunc) *house {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return serve(t, plantest.Write(t, things), bff.WithLookupEnv(func(string) (string, bool) { return server.URL, true }))
}

// TestBadAnswers: what an upstream gets wrong is either an error of ours with a reason, or a field that is unset and
// reported. It is never passed on, and nothing panics.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	const good = `"name": "n", "big": 1`
	tests := []struct {
		name, body string
		status     int
		header     map[string]string
		wantStatus int
		// want are texts of the response, and wantLog of the log.
		want, wantLog []string
	}{
		{name: "good", body: `{` + good + `, "count": 3}`, wantStatus: 200, want: []string{`"name":"n","count":3,"big":"1"}`}},
		{name: "malformed", body: `{"name": }`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}, wantLog: []string{"things.yaml:5:7", "read JSON"}},
		{name: "html", body: "<html><body>oops</body></html>", header: map[string]string{"Content-Type": "text/html"}, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}, wantLog: []string{"text/html"}},
		{name: "html error page", status: 502, body: "<html><body>Bad Gateway</body></html>", wantStatus: 503, want: []string{"UPSTREAM_UNAVAILABLE"}, wantLog: []string{"an HTML page", "Bad Gateway"}},
		{name: "cut off", body: `{"name": "n", "big`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
		{name: "two documents", body: `{` + good + `} {}`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
		{name: "duplicate key", body: `{` + good + `, "name": "m"}`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
		{name: "invalid UTF-8", body: "{\"name\": \"\xff\", \"big\": 1}", wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
		{name: "10 MiB", body: `{"name": "` + strings.Repeat("x", 10<<20) + `"}`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}, wantLog: []string{"more than the bound of 1048576"}},
		{name: "deep and unread", body: `{` + good + `, "x": ` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
		{name: "deep and read", body: `{` + good + `, "free": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, wantStatus: 200, want: []string{`"drifts":[{"field":"free","call":"thing"}]`}},
		{name: "not an object", body: `[1, 2]`, wantStatus: 200, want: []string{`"field":"name"`, `"field":"big"`}},
		{name: "empty body", body: "", wantStatus: 200, want: []string{`"field":"name"`}},
		{name: "text for a number", body: `{` + good + `, "count": "many"}`, wantStatus: 200, want: []string{`"field":"count"`}, wantLog: []string{"upstream has drifted", "a whole number within int32", "found\":\"text", "thing.count"}},
		{name: "fraction for a whole number", body: `{` + good + `, "count": 1.5}`, wantStatus: 200, want: []string{`"field":"count"`}},
		{name: "1e400", body: `{` + good + `, "weight": 1e400}`, wantStatus: 200, want: []string{`"field":"weight"`}},
		{name: "beyond int32", body: `{` + good + `, "count": 2147483648}`, wantStatus: 200, want: []string{`"field":"count"`}},
		{name: "beyond int64", body: `{"name": "n", "big": 9223372036854775808}`, wantStatus: 200, want: []string{`"field":"big"`}},
		{name: "exact int64", body: `{"name": "n", "big": 9223372036854775807}`, wantStatus: 200, want: []string{`"big":"9223372036854775807"}`}},
		{name: "whole number with an exponent", body: `{"name": "n", "big": 1.5e3}`, wantStatus: 200, want: []string{`"big":"1500"}`}},
		{name: "number for a boolean", body: `{` + good + `, "active": 1}`, wantStatus: 200, want: []string{`"field":"active"`}},
		{name: "date without time", body: `{` + good + `, "made_at": "2026-01-02"}`, wantStatus: 200, want: []string{`"field":"madeAt"`}},
		{name: "object for a list", body: `{` + good + `, "words": {"a": 1}}`, wantStatus: 200, want: []string{`"field":"words"`}},
		{name: "one text for a list", body: `{` + good + `, "words": "a"}`, wantStatus: 200, want: []string{`"field":"words"`}},
		{name: "null in a list", body: `{` + good + `, "words": ["a", null, "b"]}`, wantStatus: 200, want: []string{`"words":["a","b"]`, `"field":"words[1]"`}},
		{name: "bad element", body: `{` + good + `, "parts": [{"n": 1}, {"n": "x"}, {"m": 3}, 4]}`, wantStatus: 200, want: []string{`"field":"parts[1].number"`, `"field":"parts[2].number"`, `"field":"parts[3].number"`}},
		{name: "null name", body: `{"name": null, "big": 1}`, wantStatus: 200, want: []string{`"field":"name"`}},
		{name: "redirect", status: 302, header: map[string]string{"Location": "http://elsewhere.example/x"}, wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}, wantLog: []string{"elsewhere.example", "not followed"}},
		{name: "401", status: 401, wantStatus: 500, want: []string{"UPSTREAM_CREDENTIALS"}},
		{name: "404", status: 404, wantStatus: 404, want: []string{"UPSTREAM_NOT_FOUND"}},
		{name: "409", status: 409, wantStatus: 409, want: []string{"UPSTREAM_CONFLICT"}},
		{name: "422", status: 422, wantStatus: 400, want: []string{"UPSTREAM_REJECTED"}},
		{name: "429", status: 429, header: map[string]string{"Retry-After": "7"}, wantStatus: 429, want: []string{"UPSTREAM_RATE_LIMITED", `"retryDelay":"7s"`}},
		{name: "500", status: 500, body: `{"error": "secret detail"}`, wantStatus: 500, want: []string{"UPSTREAM_FAILED"}, wantLog: []string{"secret detail"}},
		{name: "lying gzip", header: map[string]string{"Content-Encoding": "gzip"}, body: "this is not gzip at all, it only says so", wantStatus: 500, want: []string{"UPSTREAM_BAD_ANSWER"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := openThings(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				if test.status != 0 {
					w.WriteHeader(test.status)
				}
				_, _ = io.WriteString(w, test.body)
			})
			response := post(t, h, getThing, `{"id": "x"}`)
			body := readAll(t, response)
			if response.StatusCode != test.wantStatus {
				t.Errorf("status = %d, want %d: %s", response.StatusCode, test.wantStatus, body)
			}
			contains(t, camel(body), test.want...)
			contains(t, h.logs.String(), test.wantLog...)
			if strings.Contains(body, "secret detail") || strings.Contains(body, "127.0.0.1") {
				t.Errorf("response tells what is behind the boundary: %s", body)
			}
		})
	}
}

// camel is a response whose paths are easier to compare: paths in reports have proto names.
func camel(body string) string { return strings.ReplaceAll(body, "made_at", "madeAt") }

// TestGzipBomb: a small body that grows beyond the bound is refused.
func TestGzipBomb(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	writer := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = writer.Write(bytes.Repeat([]byte(" "), 1<<20))
	}
	_ = writer.Close()
	h := openThings(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	contains(t, readAll(t, post(t, h, getThing, `{"id": "x"}`)), "UPSTREAM_BAD_ANSWER")
}

// TestLargestAnswer: without max_answer_bytes an answer may have 1 MiB, as checks of the files say, and no more.
func TestLargestAnswer(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{1 << 20: `"name":"n"`, 1<<20 + 1: "UPSTREAM_BAD_ANSWER"} {
		answer := []byte(`{"name": "n", "big": 1}`)
		answer = append(answer, bytes.Repeat([]byte(" "), size-len(answer))...)
		h := openThings(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) })
		contains(t, readAll(t, post(t, h, getThing, `{"id": "x"}`)), want)
	}
}

// TestGzip: an answer of some size is compressed for a client that accepts that.
func TestGzip(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 1000)
	h := openThings(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"name": %q, "big": 1}`, long)
	})
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+getThing, strings.NewReader(`{"id": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body := readAll(t, response)
	if len(body) > len(long)/2 {
		t.Errorf("answer of %d bytes is not compressed", len(body))
	}
	reader, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(plain), long)
}

// TestBrokenConnections: an upstream that resets or stalls mid-body is unavailable.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		handle http.HandlerFunc
		want   string
	}{
		{"reset before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "UPSTREAM_UNAVAILABLE"},
		{"reset mid-body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"name":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "UPSTREAM_UNAVAILABLE"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "UPSTREAM_TIMEOUT"},
		{"stalls mid-body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"name":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "UPSTREAM_TIMEOUT"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := openThings(t, test.handle)
			contains(t, readAll(t, post(t, h, getThing, `{"id": "x"}`)), test.want)
		})
	}
}

// TestWhoseDeadline: a client that waits too little is told that its time was up, and operators that it was the client's; an upstream that is
// slower than it may be is at fault.
func TestWhoseDeadline(t *testing.T) {
	t.Parallel()
	for waits, want := range map[string]struct{ told, level, deadline string }{
		"100":   {"the deadline passed before the answer was complete", "WARN", `"deadline":"client"`},
		"60000": {"UPSTREAM_TIMEOUT", "ERROR", ""},
	} {
		t.Run(waits, func(t *testing.T) {
			t.Parallel()
			h := openThings(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			request := newPost(t, h, getThing, `{"id": "x"}`)
			request.Header.Set("Connect-Timeout-Ms", waits)
			response, err := h.http1.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			contains(t, readAll(t, response), want.told)
			contains(t, h.logs.String(), `"level":"`+want.level+`","msg":"RPC failed"`, "things.yaml:5:7", want.deadline)
			if want.deadline == "" && strings.Contains(h.logs.String(), `"deadline"`) {
				t.Errorf("log = %s", h.logs.String())
			}
		})
	}
}

// TestBadRequests: what a client gets wrong is told in its own words, before any upstream is touched.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := openThings(t, func(http.ResponseWriter, *http.Request) { t.Error("an upstream was touched") })
	deep := strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000)
	tests := []struct {
		name, body string
		wantStatus int
		want       string
	}{
		{"malformed", `{"id": }`, 400, "syntax error"},
		{"empty", ``, 400, "an empty request is {}"},
		{"not an object", `[1]`, 400, "unexpected token ["},
		{"unknown field", `{"idd": "x"}`, 400, `unknown field \"idd\"`},
		{"wrong type", `{"id": 7}`, 400, "invalid value for string field id"},
		{"fraction", `{"id": "x", "count": 1.5}`, 400, "invalid value for int32 field count"},
		{"1e400", `{"id": "x", "count": 1e400}`, 400, "invalid value for int32 field count"},
		{"beyond int32", `{"id": "x", "count": 2147483648}`, 400, "invalid value for int32 field count"},
		{"duplicate field", `{"id": "x", "id": "y"}`, 400, `duplicate field \"id\"`},
		{"invalid UTF-8", "{\"id\": \"\xff\"}", 400, "invalid UTF-8"},
		{"deep", `{"id": "x", "extra": ` + deep + `}`, 400, "request is nested deeper than 100 levels"},
		{"too large", `{"id": "` + strings.Repeat("x", 70_000) + `"}`, 429, "resource_exhausted"},
		{"missing path value", `{}`, 400, "id: value is empty"},
		{"traversal", `{"id": "../admin?x=1"}`, 400, `id: value holds the path segment`},
		{"dot segment", `{"id": ".."}`, 400, `id: value holds the path segment`},
		{"backslash traversal", `{"id": "..\\admin"}`, 400, `id: value holds the path segment`},
		{"control character", `{"id": "a\nb"}`, 400, "id: value holds a control character"},
		{"trailing text", `{"id": "x"} y`, 400, "invalid value y"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := post(t, h, getThing, test.body)
			body := readAll(t, response)
			if response.StatusCode != test.wantStatus {
				t.Errorf("status = %d, want %d: %.300s", response.StatusCode, test.wantStatus, body)
			}
			contains(t, body, test.want)
		})
	}
}

// TestEmptyAnswer: an RPC without a response needs no answer that is JSON.
func TestEmptyAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "ok", "{}"} {
		h := openThings(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		if got := readAll(t, post(t, h, touchThing, `{"id": "x"}`)); got != "{}" {
			t.Errorf("answer %q: response = %s, want {}", body, got)
		}
	}
}
