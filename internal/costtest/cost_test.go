package costtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"

	"github.com/sheaf-rpc/sheaf/bff"
)

// TestCost bounds what is allocated for a call beyond what net/http allocates for the same calls: how often, and how many bytes. A figure
// below none is possible, since not all of net/http is used. Bounds leave room for the race detector, whose pools give less back. Who makes
// a call cheaper lowers its bounds here.
func TestCost(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	shop := newShop(t)
	for _, test := range []struct {
		name  string
		calls calls
		json  bool
		setup setup
		most  cost
	}{
		{name: "one call", calls: one, most: cost{14, 3_500}},
		{name: "three calls", calls: three, most: cost{-32, -3_000}},
		{name: "three calls, JSON", calls: three, json: true, most: cost{-9, -200}},
		{name: "three calls, policy and traces", calls: three, setup: setup{policed: true, traced: true}, most: cost{-6, -700}},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler, key := test.setup.open(t, shop.URL)
			ours, floor := costOf(t, handler, test.calls, test.json, key), costOf(t, newFloor(t, shop.URL, test.calls), test.calls, test.json, key)
			added := cost{ours.allocations - floor.allocations, ours.bytes - floor.bytes}
			t.Logf("%+v, of which the floor has %+v: %+v", ours, floor, added)
			if added.allocations > test.most.allocations || added.bytes > test.most.bytes {
				t.Errorf("a call costs %+v more than the floor; at most %+v are allowed", added, test.most)
			}
		})
	}
}

// cost is what is allocated for a call.
type cost struct{ allocations, bytes int }

// costOf is what a call costs the process, on average.
func costOf(tb testing.TB, handler http.Handler, of calls, asJSON bool, key string) cost {
	tb.Helper()
	call := func() { of.make(tb, handler, asJSON, key) }
	for range 100 { // until connections, pools and caches are there
		call()
	}
	const runs = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return cost{int(after.Mallocs-before.Mallocs+runs/2) / runs, int(after.TotalAlloc-before.TotalAlloc+runs/2) / runs}
}

// make calls the RPC once, without a network in front of it.
func (c calls) make(tb testing.TB, handler http.Handler, asJSON bool, key string) {
	tb.Helper()
	body, kind := []byte("\x0a\x03p-1"), "application/proto"
	if asJSON {
		body, kind = []byte(`{"productId":"p-1"}`), "application/json"
	}
	request := httptest.NewRequest(http.MethodPost, "/shop.v1.ShopService/"+c.rpc, bytes.NewReader(body))
	request.Header["Content-Type"] = []string{kind}
	request.Header["X-Api-Key"] = []string{key}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK || recorder.Body.Len() == 0 {
		tb.Fatalf("got %d %s", recorder.Code, recorder.Body)
	}
}

// newFloor makes the calls with net/http at the same time, and decodes nothing.
func newFloor(tb testing.TB, shop string, of calls) http.Handler {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	tb.Cleanup(transport.CloseIdleConnections)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		group, ctx := errgroup.WithContext(r.Context())
		answers := make([][]byte, len(of.paths))
		for i, path := range of.paths {
			group.Go(func() error {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, shop+path, nil)
				if err != nil {
					return err
				}
				answer, err := transport.RoundTrip(request)
				if err != nil {
					return err
				}
				defer func() { _ = answer.Body.Close() }()
				answers[i], err = io.ReadAll(answer.Body)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		for _, answer := range answers {
			_, _ = w.Write(answer)
		}
	})
}

// setup is what is on beside the calls.
type setup struct{ policed, traced bool }

func (s setup) open(tb testing.TB, shop string) (handler http.Handler, key string) {
	tb.Helper()
	policy, options := "", []bff.Option{}
	if s.policed {
		policy = policed
	}
	if s.traced { // and as good as nothing sampled
		provider := trace.NewTracerProvider(trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(1e-9))))
		tb.Cleanup(func() { _ = provider.Shutdown(tb.Context()) })
		options = append(options, bff.WithTracerProvider(provider))
	}
	return openShop(tb, shop, policy, options...)
}

// newKey makes a key of the project's one caller, who is reader.
func newKey(tb testing.TB, dir string) string {
	tb.Helper()
	keys, err := bff.OpenKeys(dir, "programs")
	if err != nil {
		tb.Fatal(err)
	}
	defer keys.Close()
	_, text, err := keys.Create(tb.Context(), bff.KeyCaller{ID: "reader"}, time.Time{})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
