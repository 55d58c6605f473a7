package bff_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const mapContract = `
-- sheaf.yaml --
contract: proto
bindings: bindings
policy: {rules: {all: {rpcs: ["*"], allow: "true"}}}
-- bindings/s.yaml --
service: t.S
rpcs:
  Get: {response: {id: request.id}}
-- proto/t.proto --
syntax = "proto3";
package t;
service S { rpc Get(Thing) returns (Thing); }
message Thing { string id = 1; map<string, string> words = 2; }
`

// TestBrokenMapEntry: a request that makes Protobuf's decoder panic, a map's entry whose second key is of another wire type, is the client's
// fault, and is told so.
func TestBrokenMapEntry(t *testing.T) {
	t.Parallel()
	h := serve(t, plantest.Write(t, mapContract))
	entry := []byte{0x12, 5, 0x0a, 1, 'a', 0x08, 1}
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+"/t.S/Get", bytes.NewReader(entry))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/proto")
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, response); response.StatusCode != http.StatusBadRequest || !strings.Contains(body, "invalid_argument") {
		t.Errorf("status %d: %s", response.StatusCode, body)
	}
	if found := h.decisions(t); len(found) != 1 || found[0].Outcome != "unread" {
		t.Errorf("decisions = %+v", found)
	}
}
