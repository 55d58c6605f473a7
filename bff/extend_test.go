package bff_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const extended = `-- proto/t.proto --
syntax = "proto3";
package t;
import "google/protobuf/wrappers.proto";
service S {
  rpc Get(GetRequest) returns (GetResponse);
}
message GetRequest {
  string id = 1;
}
message GetResponse {
  int64 cents = 1;
  string shout = 2;
}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get:
    calls:
      price:
        function: price
        request: {value: request.id}
    response:
      cents: price
      shout: shop.shout(request.id)
`

// TestExtensions calls a Go function as a call's target, and another one in an expression.
func TestExtensions(t *testing.T) {
	t.Parallel()
	price := bff.WithFunction("price", func(_ context.Context, id *wrapperspb.StringValue) (*wrapperspb.Int64Value, error) {
		switch id.GetValue() {
		case "unknown":
			return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such product"))
		case "broken":
			return nil, errors.New("the secret reason")
		default:
			return wrapperspb.Int64(int64(len(id.GetValue()))), nil
		}
	})
	shout := bff.WithExpressions(cel.Function("shop.shout", cel.Overload("shop_shout", []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(text ref.Val) ref.Val { return types.String(strings.ToUpper(string(text.(types.String)))) }))))
	server, err := bff.Open(plantest.Write(t, extended), price, shout)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	report, err := server.Call(t.Context(), "Get", []byte(`{"id": "mug"}`))
	if err != nil || string(report.Response) != `{"cents":"3","shout":"MUG"}` {
		t.Errorf("response = %v, %v", report, err)
	}
	for id, want := range map[string]connect.Code{"unknown": connect.CodeNotFound, "broken": connect.CodeInternal} {
		_, err := server.Call(t.Context(), "Get", []byte(`{"id": "`+id+`"}`))
		if connect.CodeOf(err) != want || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s and no reason of the function's own", id, err, want)
		}
	}
}
