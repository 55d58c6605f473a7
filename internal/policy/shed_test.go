package policy_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

func ignore(context.Context) {}

// enter sends a request through a gate without a network, and returns the status.
func enter(gate http.Handler) int {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, procedure, strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	gate.ServeHTTP(recorder, request)
	return recorder.Code
}

// TestGate: work beyond the bound is refused, work at nine tenths is lean, and one RPC alone always gets in.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused, lean, full := 0, 0, 0
		gate := policy.NewGate(func(context.Context) { refused++ })
		hold := gate.Handler(10, 3, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if policy.IsLean(r.Context()) {
				lean++
			} else {
				full++
			}
			time.Sleep(time.Second)
		}))
		for range 5 { // 3, 6, 9, and twice too many
			go enter(hold)
			synctest.Wait()
		}
		if full != 3 || lean != 0 || refused != 2 {
			t.Errorf("%d in full, %d lean, %d refused", full, lean, refused)
		}
		go enter(gate.Handler(10, 1, hold)) // 10, and 13 within
		synctest.Wait()
		if refused != 3 {
			t.Errorf("%d refused", refused)
		}
		time.Sleep(2 * time.Second)
		if status := enter(gate.Handler(10, 100, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if !policy.IsLean(r.Context()) {
				t.Error("more than the bound is not lean")
			}
		}))); status != http.StatusOK {
			t.Errorf("an RPC alone got %d", status)
		}
	})
}

// TestGateRefuses: what is refused says so in every protocol, with the time to wait.
func TestGateRefuses(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	gate := policy.NewGate(ignore)
	server := httptest.NewUnstartedServer(gate.Handler(1, 1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	defer close(leave)
	go func() {
		if response, err := server.Client().Get(server.URL); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-entered
	for name, option := range map[string]connect.ClientOption{"Connect": connect.WithProtoJSON(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb()} {
		client := connect.NewClient[shopv1.GetProductRequest, shopv1.GetProductResponse](server.Client(), server.URL+procedure, option)
		_, err := client.CallUnary(t.Context(), connect.NewRequest(&shopv1.GetProductRequest{}))
		failure, ok := errors.AsType[*connect.Error](err)
		if !ok || failure.Code() != connect.CodeResourceExhausted || len(failure.Details()) != 2 {
			t.Errorf("%s: error = %v", name, err)
			continue
		}
		detail, err := failure.Details()[1].Value()
		if retry, ok := detail.(*errdetails.RetryInfo); err != nil || !ok || retry.GetRetryDelay().AsDuration() != time.Second {
			t.Errorf("%s: detail = %v, error %v", name, detail, err)
		}
	}
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" {
		t.Errorf("a browser got %d", response.StatusCode)
	}
}

// TestOverload: with twice the load that it can take, a service behind a gate answers as many as ever, and none of them much later.
func TestOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, work, run = 8, 10 * time.Millisecond, 10 * time.Second
		free := make(chan struct{}, workers)
		gate := policy.NewGate(ignore)
		service := gate.Handler(workers+workers/2, 1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			free <- struct{}{}
			time.Sleep(work)
			<-free
		}))
		const capacity = int(run/work) * workers
		var mu sync.Mutex
		var latencies []time.Duration
		for range 2 * capacity {
			go func() {
				started := time.Now()
				if enter(service) == http.StatusOK {
					mu.Lock()
					defer mu.Unlock()
					latencies = append(latencies, time.Since(started))
				}
			}()
			time.Sleep(run / time.Duration(2*capacity))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		slices.Sort(latencies)
		goodput, p99 := len(latencies), latencies[len(latencies)*99/100]
		if goodput < capacity*9/10 || p99 >= 2*work {
			t.Errorf("%d of %d answered, p99 %s", goodput, capacity, p99)
		}
	})
}

// TestGateRefusedCostsNothing: what is refused takes no room from others while it is told so.
func TestGateRefusedCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := policy.NewGate(func(context.Context) { time.Sleep(time.Second) })
		work := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) })
		cheap, dear := gate.Handler(10, 1, work), gate.Handler(10, 100, work)
		go enter(cheap)
		synctest.Wait()
		for range 10 {
			go enter(dear)
		}
		synctest.Wait()
		if status := enter(cheap); status != http.StatusOK {
			t.Errorf("a cheap RPC got %d", status)
		}
	})
}

// TestGateAlone: an RPC that is alone, and within the bound, is not lean, however much of the bound it takes.
func TestGateAlone(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]bool{5: false, 4: true} {
		gate := policy.NewGate(ignore)
		status := enter(gate.Handler(most, 5, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if policy.IsLean(r.Context()) != want {
				t.Errorf("with a bound of %d: lean = %v", most, !want)
			}
		})))
		if status != http.StatusOK {
			t.Errorf("with a bound of %d: %d", most, status)
		}
	}
}

// TestGateFrees: however an RPC ends, its cost is given back.
func TestGateFrees(t *testing.T) {
	t.Parallel()
	gate := policy.NewGate(ignore)
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			enter(gate.Handler(5, 4, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
		}()
	}
	status := enter(gate.Handler(5, 4, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if policy.IsLean(r.Context()) {
			t.Error("the gate still counts what has ended")
		}
	})))
	if status != http.StatusOK {
		t.Errorf("status = %d", status)
	}
}
