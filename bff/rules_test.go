package bff_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const ruledContract = `
-- sheaf.yaml --
contract: proto
bindings: bindings
-- bindings/s.yaml --
service: t.S
rpcs:
  Free: {response: {id: request.id}}
  Field: {response: {id: request.id}}
  Message: {response: {id: request.id}}
  Oneof: {response: {id: request.a}}
  Nested: {response: {id: request.id}}
  List: {response: {id: request.id}}
  Map: {response: {id: request.id}}
-- proto/t.proto --
syntax = "proto3";
package t;
import "buf/validate/validate.proto";
service S {
  rpc Free(FreeRequest) returns (Thing);
  rpc Field(FieldRequest) returns (Thing);
  rpc Message(MessageRequest) returns (Thing);
  rpc Oneof(OneofRequest) returns (Thing);
  rpc Nested(NestedRequest) returns (Thing);
  rpc List(ListRequest) returns (Thing);
  rpc Map(MapRequest) returns (Thing);
}
message Thing { string id = 1; }
message FreeRequest { string id = 1 [deprecated = true]; FreeRequest again = 2; repeated Thing things = 3; }
message FieldRequest { string id = 1 [(buf.validate.field).string.min_len = 1]; }
message MessageRequest { option (buf.validate.message).cel = {id: "has", expression: "this.id != ''"}; string id = 1; }
message OneofRequest { oneof either { option (buf.validate.oneof).required = true; string a = 1; string b = 2; } }
message NestedRequest { string id = 1; NestedRequest again = 2; FieldRequest below = 3; }
message ListRequest { string id = 1; repeated FieldRequest below = 2; }
message MapRequest { string id = 1; map<string, FieldRequest> below = 2; }
`

// TestContractRules: requests are checked where the contract has rules for them, wherever those are, and not looked at where it has none.
func TestContractRules(t *testing.T) {
	t.Parallel()
	h := serve(t, plantest.Write(t, ruledContract))
	for rpc, wrong := range map[string]string{
		"Free": "", "Field": "\x0a\x00", "Message": "\x0a\x00", "Oneof": "\x1a\x00", "Nested": "\x0a\x01x\x1a\x00", "List": "\x12\x00", "Map": "\x12\x05\x0a\x01a\x12\x00",
	} {
		want, status := wrong != "", http.StatusOK
		if want {
			status = http.StatusBadRequest
		}
		if got := h.server.Validates("t.S/" + rpc); got != want {
			t.Errorf("requests of %s are checked: %t", rpc, got)
		}
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+"/t.S/"+rpc, strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/proto")
		response, err := h.http1.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response); response.StatusCode != status {
			t.Errorf("%s: status %d: %s", rpc, response.StatusCode, body)
		}
	}
}
