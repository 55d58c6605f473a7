package faulttest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// twoParts is a project of two upstreams, of which one is needed and well.
const twoParts = `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  well: {base_url: "${env.WELL}", network: private, timeout: 20s, retries: {max: 2, budget: 0.1}}
  failing: {base_url: "${env.FAILING}", network: private, timeout: 20s, breaker: {min_requests: 10000000}, retries: {max: 5, budget: 0.1}%s}
-- proto/storm.proto --
syntax = "proto3";
package storm.v1;
import "sheaf/v1/partial.proto";
service Storm { rpc Get(Request) returns (Thing); }
message Request {}
message Thing {
  optional string name = 1;
  optional string extra = 2;
  sheaf.v1.Partial partial = 15;
}
-- bindings/storm.yaml --
service: storm.v1.Storm
rpcs:
  Get:
    calls:
      thing: {get: "well:/thing"}
      extra: {get: "failing:/extra", optional: true}
    response: {name: thing.name, extra: extra.name}
`

func openParts(t *testing.T, more, well, failing string) *bff.Server {
	t.Helper()
	server, err := bff.Open(plantest.Write(t, fmt.Sprintf(twoParts, more)), bff.WithLogger(slog.New(slog.DiscardHandler)),
		bff.WithLookupEnv(func(name string) (string, bool) {
			return map[string]string{"WELL": well, "FAILING": failing}[name], true
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func post(ctx context.Context, server *bff.Server, rpc string) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, rpc, strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	server.Handler().ServeHTTP(recorder, request)
	return recorder
}

// TestRetryStorm: an upstream that fails altogether receives at most 1.1 times what clients ask, also with hedging, and over kept
// connections that it breaks; and the upstream that is well is asked once for each call, and answers each.
func TestRetryStorm(t *testing.T) { //nolint:paralleltest // it measures latencies, if only to log them
	var wellAsked, failingAsked atomic.Int64
	steady := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		wellAsked.Add(1)
		_, _ = io.WriteString(w, thing)
	}))
	defer steady.Close()
	var healthy atomic.Bool
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch number := failingAsked.Add(1); {
		case healthy.Load():
			_, _ = io.WriteString(w, thing)
		case number%2 == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			panic(http.ErrAbortHandler) // a kept connection breaks
		}
	}))
	defer failing.Close()
	const calls, callers, floor = 3000, 8, 3
	for _, more := range []string{"", ", hedging: {percentile: 0.5, min_wait: 1us}"} {
		var medians []time.Duration
		for _, well := range []bool{true, false} {
			healthy.Store(well)
			server := openParts(t, more, steady.URL, failing.URL)
			wellAsked.Store(0)
			failingAsked.Store(0)
			latencies := storm(t, server, calls, callers)
			slices.Sort(latencies)
			medians = append(medians, latencies[len(latencies)/2])
			if got := wellAsked.Load(); got != calls {
				t.Errorf("the upstream that is well was asked %d times for %d calls", got, calls)
			}
			if got := failingAsked.Load(); got > calls*11/10+floor || got < calls {
				t.Errorf("healthy %v: the other was asked %d times for %d calls", well, got, calls)
			}
			t.Logf("hedging %v, healthy %v: %d and %d requests for %d calls", more != "", well, wellAsked.Load(), failingAsked.Load(), calls)
			server.Close()
		}
		t.Logf("median latency of calls to the upstream that is well: %s, while the other fails %s (%.2f times)",
			medians[0], medians[1], float64(medians[1])/float64(medians[0]))
	}
}

// storm runs the RPC so often, and returns what its calls to the upstream that is well took.
func storm(t *testing.T, server *bff.Server, calls, callers int) []time.Duration {
	t.Helper()
	latencies := make([]time.Duration, calls)
	var next atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for number := next.Add(1) - 1; number < int64(calls); number = next.Add(1) - 1 {
				report, err := server.Call(t.Context(), "Get", []byte("{}"))
				if err != nil || !strings.Contains(string(report.Response), `"name":"thing"`) {
					t.Errorf("report = %v, error = %v", report, err)
					continue
				}
				latencies[number] = report.Calls[0].Duration
			}
		})
	}
	group.Wait()
	return latencies
}
