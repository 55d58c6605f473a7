package bff_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// change replaces text in a file of a project, and reloads.
func (h till) change(dir, file, from, to string) {
	h.Helper()
	path := filepath.Join(dir, file)
	content, err := os.ReadFile(path)
	if err != nil {
		h.Fatal(err)
	}
	changed := strings.ReplaceAll(string(content), from, to)
	if changed == string(content) {
		h.Fatalf("%s has no %q", file, from)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		h.Fatal(err)
	}
	if _, err := h.server.Reload(withDeadline(h.T)); err != nil {
		h.Fatal(err)
	}
}

// TestIdempotencyOtherType: an answer of a contract in which the RPC returned another message is not given as one of that; and nothing
// runs again.
func TestIdempotencyOtherType(t *testing.T) {
	t.Parallel()
	upstream, dir := startBank(t), plantest.Write(t, fmt.Sprintf(tillProject, "", ""))
	h := openTill(t, dir, upstream)
	if status, _, body := h.order("a", orderKey); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	h.change(dir, "proto/till/v1/till.proto", "message PayRequest {", "message Receipt {\n  string number = 1;\n  optional string note = 3;\n}\nmessage PayRequest {")
	h.change(dir, "proto/till/v1/till.proto", "rpc Order(OrderRequest) returns (OrderResponse);", "rpc Order(OrderRequest) returns (Receipt);")
	status, header, body := h.order("a", orderKey)
	if status == http.StatusOK || !strings.Contains(decoded(body), "OUTCOME_UNKNOWN") {
		t.Errorf("got %d %v %s", status, header, decoded(body))
	}
	if upstream.count() != 1 {
		t.Errorf("%d orders", upstream.count())
	}
}

// TestIdempotencyMoved: what was done before the records moved to Redis is not done again.
func TestIdempotencyMoved(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	upstream, dir := startBank(t), plantest.Write(t, fmt.Sprintf(tillProject, "", fmt.Sprintf("redis: {addresses: [%q], timeout: 10s}", redis.Addr())))
	h := openTill(t, dir, upstream)
	if status, _, body := h.order("a", orderKey); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	h.change(dir, "sheaf.yaml", "required: true", "required: true, store: redis")
	if status, header, body := h.order("a", orderKey); status != http.StatusOK || header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("got %d %v %s", status, header, decoded(body))
	}
	if upstream.count() != 1 {
		t.Errorf("%d orders", upstream.count())
	}
}
