package bff_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

const seamsProject = `
-- sheaf.yaml --
contract: proto
bindings: bindings
policy:
  idempotency: {rpcs: [t.S/Do]}
  limits:
    one: {rpcs: [t.S/Do], concurrency: 1}
    many: {rpcs: [t.S/Do], quota: 100/month}
-- proto/t.proto --
syntax = "proto3";
package t;
import "google/protobuf/wrappers.proto";
service S {
  rpc Do(M) returns (M);
}
message M { string id = 1; }
-- bindings/s.yaml --
service: t.S
rpcs:
  Do:
    timeout: 5s
    calls:
      first: {function: work, request: {value: request.id}}
      second: {function: work, request: {value: '"second " + first'}}
    response: {id: second}
`

// worker is a server whose function does what its request says.
type worker struct {
	*house
	*testing.T

	runs    atomic.Int64
	started chan struct{}
	resume  chan struct{}
}

func openWorker(t *testing.T) *worker {
	t.Helper()
	w := &worker{T: t, started: make(chan struct{}, 10), resume: make(chan struct{})}
	w.house = serve(t, plantest.Write(t, seamsProject), bff.WithFunction("work", w.work))
	return w
}

func (w *worker) work(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	w.runs.Add(1)
	switch {
	case request.GetValue() == "panic":
		panic("canary")
	case request.GetValue() == "fail":
		return nil, errors.New("canary")
	case strings.HasPrefix(request.GetValue(), "wait"):
		w.started <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.resume:
		}
	}
	return wrapperspb.String(request.GetValue()), nil
}

// do asks, and returns the status, headers and what is told.
func (w *worker) do(ctx context.Context, id, key string, header ...string) (int, http.Header, string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/t.S/Do", strings.NewReader(fmt.Sprintf(`{"id": %q}`, id)))
	if err != nil {
		w.Error(err)
		return 0, nil, ""
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := w.http1.Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, decoded(string(body))
}

func seamKey(i int) string { return fmt.Sprintf("one-of-many-random-keys-%d", i) }

// TestSlotGivenBack: whatever becomes of a call with a key, its place among those at once is free again, it has counted once, and what is told
// of limits is there and never negative.
func TestSlotGivenBack(t *testing.T) {
	t.Parallel()
	w := openWorker(t)
	ctx := withDeadline(t)
	used := 0
	for i, step := range []struct{ id, key, want string }{
		{"a", seamKey(1), `"second a"`}, {"a", seamKey(1), `"second a"`}, {"b", seamKey(1), "IDEMPOTENCY_KEY_REUSED"},
		{"panic", seamKey(2), "OUTCOME_UNKNOWN"}, {"panic", seamKey(2), "OUTCOME_UNKNOWN"}, {"fail", seamKey(3), "OUTCOME_UNKNOWN"},
		{"a", "short", "IDEMPOTENCY_KEY_WEAK"}, {"c", seamKey(4), `"second c"`},
	} {
		used++
		_, header, told := w.do(ctx, step.id, step.key)
		if !strings.Contains(told, step.want) || strings.Contains(told, "canary") {
			t.Errorf("%d: %s", i, told)
		}
		if left := header.Get("Ratelimit"); !strings.Contains(left, `"one";r=0, "many";r=`+strconv.Itoa(100-used)+";") || strings.Contains(left, "-") {
			t.Errorf("%d: RateLimit = %q", i, left)
		}
	}
	if runs := w.runs.Load(); runs != 6 {
		t.Errorf("%d runs", runs)
	}
}

// TestClientGone: a client that leaves, or whose time is up, in the middle of two writes finds out that the outcome is unknown, the second write is
// never made, and its slot is free.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]bool{"leaves": true, "deadline": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openWorker(t)
			ctx, cancel := context.WithCancel(withDeadline(t))
			defer cancel()
			done := make(chan string, 1)
			go func() {
				header := []string{}
				if !leave {
					header = []string{"Connect-Timeout-Ms", "300"}
				}
				_, _, told := w.do(ctx, "wait", seamKey(1), header...)
				done <- told
			}()
			<-w.started
			if status, header, told := w.do(withDeadline(t), "wait", seamKey(1)); status != http.StatusTooManyRequests || !strings.Contains(told, "CONCURRENCY_LIMITED") {
				t.Errorf("while it runs: %d %v %s", status, header, told)
			}
			if leave {
				cancel()
			}
			first := <-done
			var told string
			for told == "" || strings.Contains(told, "CONCURRENCY_LIMITED") {
				_, _, told = w.do(withDeadline(t), "wait", seamKey(1))
			}
			if !strings.Contains(told, "OUTCOME_UNKNOWN") || w.runs.Load() != 1 {
				t.Errorf("at first %s, then %s, after %d runs", first, told, w.runs.Load())
			}
			if _, _, told := w.do(withDeadline(t), "a", seamKey(2)); !strings.Contains(told, "second a") {
				t.Errorf("another one: %s", told)
			}
		})
	}
}
