package bff_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/grpcreflect"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

const allowAll = "policy: {rules: {all: {rpcs: ['*'], allow: 'true'}}}\n"

// TestDecisionLogReflection: who reads the contract has been let in, and has an answer.
func TestDecisionLogReflection(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, allowAll)
	stream := grpcreflect.NewClient(h.h2c, h.url).NewStream(withDeadline(t))
	if _, err := stream.ListServices(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	found := h.decisions(t)
	if len(found) != 1 || found[0].Outcome != "allow" || found[0].Code != "ok" || !strings.HasPrefix(found[0].RPC, "grpc.reflection.") {
		t.Errorf("decisions = %+v", found)
	}
}

// TestDecisionLogTrace: the line of a call that was refused before there was a span has the client's trace.
func TestDecisionLogTrace(t *testing.T) {
	t.Parallel()
	written := &logs{}
	h := openHouseWith(t, "policy: {identity: {partners: {api_key: {file: keys.json}}}}\n", bff.WithLogger(telemetry.NewLogger(written, slog.LevelInfo)))
	h.logs = written
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, h.url+getProduct, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, response); response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("status %d: %s", response.StatusCode, body)
	}
	found := h.decisions(t)
	if len(found) != 1 || found[0].Outcome != "deny" || found[0].TraceID != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("decisions = %+v", found)
	}
}
