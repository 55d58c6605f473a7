package bff_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// bound has a service that clients reach, one that only other bindings reach, and one that nobody does.
const bound = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams: {things: {base_url: "http://127.0.0.1:1", network: private}}
-- proto/bound.proto --
syntax = "proto3";
package bound.v1;
service Outside { rpc Get(Asked) returns (Told); }
service Inside { rpc Look(Asked) returns (Told); }
service Nowhere { rpc Find(Asked) returns (Told); }
message Asked { string id = 1; }
message Told { optional string title = 1; }
-- bindings/outside.yaml --
service: bound.v1.Outside
rpcs:
  Get:
    calls:
      looked: {rpc: bound.v1.Inside/Look, binding: hidden, request: {id: request.id}}
    response: {title: looked.title}
-- bindings/inside.yaml --
service: bound.v1.Inside
name: hidden
rpcs:
  Look:
    calls:
      thing: {get: "things:/things/${request.id}"}
    response: {title: thing.title}
`

// TestReflectionOfBound: reflection tells of what clients reach, and of no service that is bound under a name, or nowhere.
func TestReflectionOfBound(t *testing.T) {
	t.Parallel()
	h := serve(t, plantest.Write(t, bound))
	stream := grpcreflect.NewClient(h.h2c, h.url, connect.WithGRPC()).NewStream(withDeadline(t))
	defer func() { _, _ = stream.Close() }()
	files, err := stream.FileByFilename("bound.proto")
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, service := range files[0].GetService() {
		services = append(services, service.GetName())
	}
	if !slices.Equal(services, []string{"Outside"}) {
		t.Errorf("services = %v", services)
	}
	for _, symbol := range []protoreflect.FullName{"bound.v1.Inside", "bound.v1.Inside.Look", "bound.v1.Nowhere"} {
		if _, err := stream.FileContainingSymbol(symbol); err == nil {
			t.Errorf("reflection finds %s", symbol)
		}
	}
	if _, err := stream.FileContainingSymbol("bound.v1.Outside"); err != nil {
		t.Error(err)
	}
}
