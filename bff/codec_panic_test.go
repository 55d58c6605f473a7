package bff_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrokenMapEntry: a request that makes Protobuf's decoder panic, a map's entry whose second key is of another wire type, is the client's
// fault, and is told so.
func TestBrokenMapEntry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sheaf.yaml":      "contract: proto\nbindings: bindings\npolicy: {rules: {all: {rpcs: ['*'], allow: 'true'}}}\n",
		"bindings/s.yaml": "service: t.S\nrpcs:\n  Get: {response: {id: request.id}}\n",
		"proto/t.proto":   "syntax = \"proto3\";\npackage t;\nservice S { rpc Get(Thing) returns (Thing); }\nmessage Thing { string id = 1; map<string, string> words = 2; }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := serve(t, dir)
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
