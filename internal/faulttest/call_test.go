package faulttest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// project has one upstream, that one RPC needs, and another RPC can do without.
const project = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  faulty: {base_url: "${env.FAULTY_URL}", network: private, timeout: %s, breaker: {min_requests: 100000}}
-- proto/faults.proto --
syntax = "proto3";
package faults.v1;
import "sheaf/v1/partial.proto";
service Faults {
  rpc Required(Request) returns (Thing);
  rpc Optional(Request) returns (Thing);
}
message Request {}
message Thing {
  optional string name = 1;
  sheaf.v1.Partial partial = 15;
}
-- bindings/faults.yaml --
service: faults.v1.Faults
rpcs:
  Required:
    calls:
      thing: {get: "faulty:/thing"}
    response: {name: thing.name}
  Optional:
    calls:
      thing: {get: "faulty:/thing", optional: true}
    response: {name: thing.name}
`

// patience bounds what is waited for.
const patience = 20 * time.Second

// seen is what a client sees.
type seen struct {
	// code and reason are those of the RPC that needs the upstream, missing and retryable those of the call that the other does without.
	code, reason, missing string
	retryable             bool
	name                  string
}

// report is a response in JSON, or an error of the Connect protocol.
type report struct {
	Code    string
	Details []struct{ Type, Value string }
	Name    string
	Partial struct {
		MissingCalls []struct {
			Code      string
			Retryable bool
		}
		Drifts []json.RawMessage
	}
}

// openProject opens the project in front of an upstream.
func openProject(t *testing.T, url, timeout string) *bff.Server {
	t.Helper()
	server, err := bff.Open(plantest.Write(t, fmt.Sprintf(project, timeout)), bff.WithLogger(slog.New(slog.DiscardHandler)),
		bff.WithLookupEnv(func(string) (string, bool) { return url, true }))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func call(t *testing.T, server *bff.Server, rpc string) report {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/faults.v1.Faults/"+rpc, strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	server.Handler().ServeHTTP(recorder, request)
	var got report
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v in %q", rpc, err, recorder.Body)
	}
	return got
}

func look(t *testing.T, server *bff.Server) seen {
	t.Helper()
	required, optional := call(t, server, "Required"), call(t, server, "Optional")
	got := seen{code: required.Code, name: required.Name}
	for _, detail := range required.Details {
		info := &errdetails.ErrorInfo{}
		if value, err := base64.RawStdEncoding.DecodeString(detail.Value); err == nil && strings.HasSuffix(detail.Type, "ErrorInfo") && proto.Unmarshal(value, info) == nil {
			got.reason = info.GetReason()
		}
	}
	if missing := optional.Partial.MissingCalls; len(missing) > 0 {
		got.missing, got.retryable = missing[0].Code, missing[0].Retryable
	}
	if len(required.Partial.Drifts) > 0 {
		got.reason = "drift"
	}
	return got
}

// heap is what is in use after all that can go has gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// allocated is all that was ever allocated.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// returns waits until a number is back where it was.
func returns(t *testing.T, what string, number func() int, to int) {
	t.Helper()
	for deadline := time.Now().Add(patience); number() > to; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d %s, want %d:\n%s", number(), what, to, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
