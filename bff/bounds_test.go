package bff_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// lists is a project that needs no upstream; more goes into server.
func lists(t *testing.T, more string) *house {
	t.Helper()
	return serve(t, plantest.Write(t, `
-- sheaf.yaml --
contract: proto
bindings: bindings
server: {`+more+`}
-- proto/lists.proto --
syntax = "proto3";
package lists.v1;
service Lists {
  rpc Count(Item) returns (Counted) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message Item {
  repeated Item items = 1;
  map<string, string> named = 2;
  int32 a_number = 3;
  Item inner = 4;
  oneof either {
    string one = 5;
    string other = 6;
  }
}
message Counted { int32 number = 1; }
-- bindings/lists.yaml --
service: lists.v1.Lists
rpcs:
  Count:
    response: {number: request.a_number + size(request.items)}
`))
}

const countItems = "/lists.v1.Lists/Count"

// TestBounds: what holds more than it may is refused in every form, and told the bound.
func TestBounds(t *testing.T) {
	t.Parallel()
	h := lists(t, "max_depth: 3, max_elements: 4")
	for body, want := range map[string]string{
		`{"items": [{}, {}], "named": {"a": "", "b": ""}}`:        `{"number":2}`,
		`{"items": [{}, {}, {}, {}, {}]}`:                         "request holds more than 4 elements of lists and maps",
		`{"items": [{}, {"named": {"a": "", "b": "", "c": ""}}]}`: "request holds more than 4 elements",
		`{"inner": {"inner": {}}}`:                                `{}`,
		`{"inner": {"items": [{"inner": {}}]}}`:                   "request is nested deeper than 3 levels",
	} {
		response := post(t, h, countItems, body)
		got := readAll(t, response)
		contains(t, got, want)
		if want[0] != '{' && (response.StatusCode != http.StatusBadRequest || !strings.Contains(got, "invalid_argument")) {
			t.Errorf("%s: %d %s", body, response.StatusCode, got)
		}
	}
	// An empty message keeps what it does not know, and sends it on.
	wires := map[string]string{strings.Repeat("\x0a\x00", 5): "4 elements", "\x22\x06\x22\x04\x22\x02\x22\x00": "3 levels"}
	for _, option := range []connect.ClientOption{connect.WithGRPC(), connect.WithGRPCWeb(), connect.WithHTTPGet()} {
		client := connect.NewClient[emptypb.Empty, emptypb.Empty](h.h2c, h.url+countItems, option, connect.WithIdempotency(connect.IdempotencyNoSideEffects))
		for wire, want := range wires {
			request := &emptypb.Empty{}
			request.ProtoReflect().SetUnknown([]byte(wire))
			_, err := client.CallUnary(withDeadline(t), connect.NewRequest(request))
			if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%x: %v, want %s", wire, err, want)
			}
		}
	}
}

// TestNames: a field that is named twice is refused, by whichever of its names; so is one that is not known, unless that is allowed.
func TestNames(t *testing.T) {
	t.Parallel()
	strict, lenient := lists(t, ""), lists(t, "allow_unknown_fields: true")
	for body, wants := range map[string][2]string{
		`{"aNumber": 1, "a_number": 2}`:             {"duplicate field", "duplicate field"},
		`{"aNumber": 1, "aNumber": 1}`:              {"duplicate field", "duplicate field"},
		`{"aNumber": null, "a_number": 2}`:          {"duplicate field", "duplicate field"},
		`{"items": [], "items": [{}]}`:              {"duplicate field", "duplicate field"},
		`{"named": {"a": "b"}, "named": {}}`:        {"duplicate field", "duplicate field"},
		`{"named": {"a": "b", "\u0061": "c"}}`:      {"duplicate map key", "duplicate map key"},
		`{"one": "x", "other": "y"}`:                {"oneof", "oneof"},
		`{"aNumber": 1, "more": {"and": ["more"]}}`: {`unknown field \"more\"`, `{"number":1}`},
		`{"items": [{"anumber": 7}]}`:               {`unknown field \"anumber\"`, `{"number":1}`},
	} {
		contains(t, readAll(t, post(t, strict, countItems, body)), wants[0])
		contains(t, readAll(t, post(t, lenient, countItems, body)), wants[1])
	}
	response := post(t, lenient, countItems, `{"more": `+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}`)
	contains(t, readAll(t, response), "request is nested deeper than 100 levels")
}

// TestLargest: the largest requests cost little more than reading them.
func TestLargest(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	h := lists(t, "")
	const size = 4<<20 - 8
	for contentType, body := range map[string][]byte{
		"application/proto": bytes.Repeat([]byte("\x0a\x00"), size/2), "application/json": []byte(`{"items":[` + strings.Repeat("{},", size/3-8) + `{}]}`),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response, err := h.http1.Post(h.url+countItems, contentType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		contains(t, readAll(t, response), "more than 10000 elements")
		runtime.ReadMemStats(&after)
		cost := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d MiB", contentType, cost>>20)
		if most := uint64(32 << 20); cost > most {
			t.Errorf("%s: %d MiB", contentType, cost>>20)
		}
	}
}
