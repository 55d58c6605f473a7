package aggregate_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

const callerProject = `
-- proto/t.proto --
syntax = "proto3";
package t;
service S {
  rpc List(ListRequest) returns (ListResponse);
  rpc ListWithin(ListRequest) returns (ListResponse);
}
message ListRequest {
  int32 page_size = 1;
  string page_token = 2;
}
message ListResponse {
  repeated string names = 1;
  string next_page_token = 2;
  optional string owner = 3;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  List:
    pages: {next: list.next}
    calls:
      list: {get: "a:/lists/${caller.id}", query: {after: "${page.cursor}"}}
    response: {names: list.names, owner: caller.claims.name}
  ListWithin:
    calls:
      inner: {rpc: t.S/List, request: {page_size: request.page_size, page_token: request.page_token}}
    response: {names: inner.names, next_page_token: inner.next_page_token, owner: inner.owner}
`

func callerNamed(id string) aggregate.Caller {
	return aggregate.Caller{Key: "test\x00" + id, JSON: []byte(`{"provider":"test","id":"` + id + `","scopes":[],"claims":{"name":"` + id + `'s"}}`)}
}

// TestCaller: bindings know who calls, in RPCs within RPCs too, and a page token is good for the caller alone that it was made for.
func TestCaller(t *testing.T) {
	t.Parallel()
	to := newUpstream(map[string]reply{"list": {body: `{"names": ["one"], "next": "c1"}`}})
	sealer, err := pagetoken.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"List", "ListWithin"} {
		rpc, planned := bindIn(t, callerProject, name, &aggregate.World{Upstreams: map[string]aggregate.Upstream{"a": to}, Tokens: sealer})
		run := func(caller, token string) (protoreflect.Message, error) {
			result, err := rpc.Run(t.Context(), aggregate.Input{
				Request: request(t, planned, `{"pageToken": "`+token+`"}`), Caller: callerNamed(caller),
			})
			if err != nil {
				return nil, err
			}
			return read(t, planned, result), nil
		}
		first, err := run("ann", "")
		if err != nil {
			t.Fatal(err)
		}
		fields := first.Descriptor().Fields()
		if owner := first.Get(fields.ByName("owner")).String(); owner != "ann's" || to.paths[len(to.paths)-1] != "/lists/ann" {
			t.Errorf("%s: owner %q, paths %q", name, owner, to.paths)
		}
		token := first.Get(fields.ByName("next_page_token")).String()
		if _, err := run("ann", token); err != nil {
			t.Errorf("%s: ann's own token: %v", name, err)
		}
		asked := len(to.paths)
		_, err = run("bob", token)
		if wrong, ok := errors.AsType[*aggregate.RequestError](err); name == "List" && (!ok || wrong.Violations[0].Reason != "INVALID_PAGE_TOKEN") || err == nil {
			t.Errorf("%s: bob with ann's token: %v", name, err)
		}
		if len(to.paths) != asked {
			t.Errorf("%s: bob's request with ann's token reached the upstream", name)
		}
	}
}

// read is the response of a result.
func read(t *testing.T, planned *plan.RPC, result *aggregate.Result) protoreflect.Message {
	t.Helper()
	message := dynamicpb.NewMessage(planned.Method.Output())
	if err := proto.Unmarshal(result.Message, message); err != nil {
		t.Fatal(err)
	}
	return message
}
