// Package mutationtest is for tests: it changes each value in each answer of an API's upstreams in turn, and looks whether
// the API then says something else without a report.
package mutationtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/bff"
)

// API is an API whose upstreams' answers can be changed. Its methods are for one goroutine; upstreams may be asked by many.
type API struct {
	server *bff.Server

	// runs is held for reading by each request, and for writing between two runs: a run may end before the requests that it
	// gave up, and these must not see the state of the next.
	runs sync.RWMutex

	mu sync.Mutex
	// target is which answer is changed, and change how; nil leaves all as they are.
	target string
	change func(any) any
	// answers are those since the last call of begin, by request and number.
	answers map[string]any
}

// New is a mutator for upstreams that the caller wraps before Open.
func New() *API { return &API{} }

// Wrap is an upstream that answers as another does, but for one value. Answers that are not JSON stay as they are.
func (a *API) Wrap(upstream http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.runs.RLock()
		defer a.runs.RUnlock()
		name := r.Method + " " + r.URL.Path
		recorder := httptest.NewRecorder()
		upstream.ServeHTTP(recorder, r)
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(a.mutate(name, recorder.Body.Bytes()))
	})
}

// Open opens the project in dir as the API under test, and closes it with the test.
func (a *API) Open(t *testing.T, dir string, lookupEnv func(string) (string, bool)) {
	t.Helper()
	server, err := bff.Open(dir, bff.WithLookupEnv(lookupEnv), bff.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a.server = server
}

// begin waits for the requests of the run before.
func (a *API) begin(one Case, target string, change func(any) any) {
	a.runs.Lock()
	defer a.runs.Unlock()
	if one.Before != nil {
		one.Before()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.target, a.change, a.answers = target, change, map[string]any{}
}

func (a *API) mutate(name string, body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return body
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for number := 0; ; number++ {
		if one := fmt.Sprintf("%s #%d", name, number); a.answers[one] == nil {
			a.answers[one], name = document, one
			break
		}
	}
	if a.change == nil || name != a.target {
		return body
	}
	changed, _ := json.Marshal(a.change(document)) // made of JSON
	return changed
}

// Case is an RPC to try.
type Case struct {
	RPC, Request string
	// Response is an empty message of the RPC's response.
	Response proto.Message
	// Before is called before each run, while no upstream is asked, to bring them into the same state; nil does nothing.
	Before func()
	// Plausible reports whether a field may differ without a report, besides what any API may; nil is never.
	Plausible func(Change) bool
	// Check looks at each response; nil does nothing.
	Check func(place string, response proto.Message)
}

// Try runs an RPC once for each mutation of each value in the answers that it takes, and returns how many there were: none if
// the RPC is not implemented.
func (a *API) Try(t *testing.T, one Case) int {
	t.Helper()
	want, _, err := a.run(t, one, "", nil)
	if connect.CodeOf(err) == connect.CodeUnimplemented {
		return 0
	}
	if err != nil {
		t.Fatalf("%s: %v", one.RPC, err)
	}
	tried := 0
	for _, target := range slices.Sorted(maps.Keys(a.answers)) {
		places(a.answers[target], "", func(changed any) any { return changed }, func(place place) {
			for _, name := range slices.Sorted(maps.Keys(mutations)) {
				if place.path == "" && (name == "removed" || name == "renamed") {
					continue
				}
				tried++
				got, reported, err := a.run(t, one, target, func(any) any { return place.change(mutations[name](place.value)) })
				where := fmt.Sprintf("%s: %s: %s made %s", one.RPC, target, place.path, name)
				a.judge(t, one, Change{Request: target, Path: place.path, Mutation: name}, where, outcome{want, got, reported, err})
			}
		})
	}
	return tried
}

// outcome is what an RPC answers without a mutation and with it.
type outcome struct {
	want, got proto.Message
	reported  bool
	err       error
}

func (a *API) judge(t *testing.T, one Case, change Change, where string, came outcome) {
	t.Helper()
	if came.err != nil {
		if strings.Contains(came.err.Error(), "internal error") {
			t.Errorf("%s: %v", where, came.err)
		}
		return
	}
	if one.Check != nil {
		one.Check(where, came.got)
	}
	if came.reported {
		return
	}
	for _, differing := range differences("", came.want.ProtoReflect(), came.got.ProtoReflect()) {
		differing.Request, differing.Path, differing.Mutation = change.Request, change.Path, change.Mutation
		if !differing.isPlausible() && (one.Plausible == nil || !one.Plausible(differing)) {
			t.Errorf("%s: %s is %s, and nothing says so", where, differing.Field, differing.Text)
		}
	}
}

// run is one call: its response, and whether that says that something is missing.
func (a *API) run(t *testing.T, one Case, target string, change func(any) any) (response proto.Message, reported bool, err error) {
	t.Helper()
	a.begin(one, target, change)
	report, err := a.server.Call(t.Context(), one.RPC, []byte(one.Request))
	if err != nil {
		return nil, false, err
	}
	response = one.Response.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(report.Response, response); err != nil {
		t.Fatalf("%s: read response: %v", one.RPC, err)
	}
	return response, report.Partial != nil, nil
}

// Change is a field that differs after a mutation.
type Change struct {
	// Request is the method and path whose answer was changed, and the number of that answer.
	Request string
	// Path is the place in the answer, such as .data[0].id, and Mutation what became of it.
	Path, Mutation string
	// Field is the path of the field in the response, and Text its new value.
	Field, Text string
	// IsSet is whether the field holds a value now.
	IsSet      bool
	Descriptor protoreflect.FieldDescriptor
}

// IsGone reports whether the value that was changed is not there any more; one in an object of its own is elsewhere.
func (c Change) IsGone() bool {
	return slices.Contains([]string{"removed", "renamed", "null", "object"}, c.Mutation)
}
