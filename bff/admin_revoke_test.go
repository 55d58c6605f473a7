package bff_test

import (
	"net/http"
	"testing"

	"connectrpc.com/connect"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
)

// TestRevokedAtOnce: a key that an operator revokes here lets nobody in any more here, on a connection that is open, and though it was met
// a moment ago.
func TestRevokedAtOnce(t *testing.T) {
	t.Parallel()
	h, key := governed(t)
	client, header := serveAdmin(t, h), http.Header{"X-Api-Key": {key}}
	if code := h.greetWith(t, header); code != 0 {
		t.Fatalf("before: %v", code)
	}
	if _, err := client.RevokeKey(withDeadline(t), as(&adminv1.RevokeKeyRequest{Prefix: key}, "Bearer "+aliceToken)); err != nil {
		t.Fatal(err)
	}
	if code := h.greetWith(t, header); code != connect.CodeUnauthenticated {
		t.Errorf("after: %v", code)
	}
}
