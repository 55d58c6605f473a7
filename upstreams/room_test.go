package upstreams

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// wholeAnswer is the size of a large answer, in bytes, of which there is room for two.
const wholeAnswer = 100_000

// crowded is an upstream without a network, whose answers stop in the middle until they may go on.
type crowded struct {
	*Client
	goOn   chan struct{}
	reader *metric.ManualReader
	// began counts the large answers of which the client has taken more than a transport does by itself.
	began atomic.Int64
}

func newCrowded(t *testing.T, chunked bool) *crowded {
	t.Helper()
	reader := metric.NewManualReader()
	client, err := New(Config{
		Name: "things", BaseURL: "http://things", Private: true, Timeout: 10 * time.Second, MaxAnswerBytes: wholeAnswer,
		Concurrency: ConcurrencyConfig{AnswerBytes: 2*wholeAnswer + 1}, Breaker: BreakerConfig{MinRequests: 1, FailureRatio: 0.1},
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowded{Client: client, goOn: make(chan struct{}), reader: reader}
	client.balancer.addresses[0].transport.plain = newPlain(&client.config, func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			for buffered := bufio.NewReader(far); ; {
				request, err := http.ReadRequest(buffered)
				if err != nil {
					return
				}
				c.answer(far, request.URL.Path, chunked)
			}
		}()
		return near, nil
	})
	return c
}

func (c *crowded) answer(connection net.Conn, path string, chunked bool) {
	size := map[string]int{"/large": wholeAnswer, "/cut": wholeAnswer, "/too-large": 2 * wholeAnswer}[path]
	if size == 0 {
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return
	}
	body, end := io.Writer(connection), ""
	if chunked {
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		body, end = httputil.NewChunkedWriter(connection), "0\r\n\r\n"
	} else {
		_, _ = fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
	}
	half := strings.Repeat("x", size/2)
	if _, err := io.WriteString(body, half); err != nil {
		return
	}
	c.began.Add(1)
	if path == "/cut" {
		_ = connection.Close()
		return
	}
	<-c.goOn
	_, _ = io.WriteString(body, half)
	_, _ = io.WriteString(connection, end)
}

// waits is how many answers have waited.
func (c *crowded) waits(t *testing.T) (counted int64) {
	t.Helper()
	var found metricdata.ResourceMetrics
	if err := c.reader.Collect(t.Context(), &found); err != nil {
		t.Fatal(err)
	}
	for _, scope := range found.ScopeMetrics {
		for _, one := range scope.Metrics {
			if one.Name == "sheaf.answer.waits" {
				counted += one.Data.(metricdata.Sum[int64]).DataPoints[0].Value
			}
		}
	}
	return counted
}

// isEmpty reports whether nobody takes any room.
func (c *crowded) isEmpty() bool {
	ok := c.room.all.TryAcquire(c.room.size)
	if ok {
		c.room.all.Release(c.room.size)
	}
	return ok
}

// inCrowd runs a test with an upstream for each way to say how long an answer is, in a bubble.
func inCrowd(t *testing.T, test func(*testing.T, *crowded)) {
	t.Helper()
	for name, chunked := range map[string]bool{"declared": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowded(t, chunked)
				defer c.Close()
				test(t, c)
			})
		})
	}
}

// TestRoom: so many large answers are read at once, a further one is left with the upstream until there is room, and small ones pass.
func TestRoom(t *testing.T) {
	t.Parallel()
	inCrowd(t, func(t *testing.T, c *crowded) {
		t.Helper()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				answer, err := c.Do(t.Context(), asking("/large").Request)
				if err != nil || len(answer.Body) != wholeAnswer {
					t.Errorf("answer %v, error %v", answer, err)
				}
			})
		}
		synctest.Wait()
		if began, waits := c.began.Load(), c.waits(t); began != 2 || waits != 2 {
			t.Errorf("%d are read and %d wait, want 2 and 2", began, waits)
		}
		if answer, err := c.Do(t.Context(), asking("/small").Request); err != nil || string(answer.Body) != "{}" {
			t.Errorf("answer %v, error %v", answer, err)
		}
		close(c.goOn)
		group.Wait()
		if !c.isEmpty() {
			t.Error("room was not given back")
		}
	})
}

// TestRoomWait: nobody waits for room longer than the attempt, the call or the caller does, and the breaker takes no notice.
func TestRoomWait(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout, deadline, leaves time.Duration
		kind                      Kind
		after                     time.Duration
	}{
		"the upstream's timeout": {kind: KindTimeout, after: 10 * time.Second},
		"the call's timeout":     {timeout: 2 * time.Second, kind: KindTimeout, after: 2 * time.Second},
		"the caller's deadline":  {deadline: 3 * time.Second, kind: KindTimeout, after: 3 * time.Second},
		"the caller":             {leaves: 4 * time.Second, kind: KindUnavailable, after: 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inCrowd(t, func(t *testing.T, c *crowded) {
				t.Helper()
				if !c.room.all.TryAcquire(c.room.size) {
					t.Fatal("there is no room")
				}
				ctx, started := t.Context(), time.Now()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithDeadline(ctx, started.Add(test.deadline))
					defer cancel()
				}
				ctx, leave := context.WithCancel(ctx)
				defer leave()
				if test.leaves > 0 {
					time.AfterFunc(test.leaves, leave)
				}
				request := asking("/large").Request
				request.Timeout = test.timeout
				_, err := c.Do(ctx, request)
				failure, ok := errors.AsType[*Error](err)
				if !ok || failure.Kind != test.kind || failure.Unsent || time.Since(started) != test.after {
					t.Errorf("error %v after %s", err, time.Since(started))
				}
				if state := c.BreakerState(""); state != "closed" {
					t.Errorf("breaker is %s", state)
				}
				c.room.all.Release(c.room.size)
				if !c.isEmpty() {
					t.Error("room was not given back")
				}
			})
		})
	}
}

// TestRoomBlame: the time that an answer waited for room is not the upstream's, which is to blame only if it had half of its own besides.
func TestRoomBlame(t *testing.T) {
	t.Parallel()
	for waits, want := range map[time.Duration]string{2 * time.Second: "open", 9 * time.Second: "closed"} {
		t.Run(waits.String(), func(t *testing.T) {
			t.Parallel()
			inCrowd(t, func(t *testing.T, c *crowded) { // nobody lets answers go on
				t.Helper()
				defer close(c.goOn)
				if !c.room.all.TryAcquire(c.room.size) {
					t.Fatal("there is no room")
				}
				time.AfterFunc(waits, func() { c.room.all.Release(c.room.size) })
				if _, err := c.Do(t.Context(), asking("/large").Request); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				if state := c.BreakerState(""); state != want {
					t.Errorf("breaker is %s, want %s", state, want)
				}
			})
		})
	}
}

// TestRoomFailures: room comes back however an answer ends.
func TestRoomFailures(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/cut", "/too-large", "/large"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			inCrowd(t, func(t *testing.T, c *crowded) { // nobody lets them go on
				t.Helper()
				defer close(c.goOn)
				if _, err := c.Do(t.Context(), asking(path).Request); err == nil {
					t.Error("no error")
				}
				if !c.isEmpty() {
					t.Error("room was not given back")
				}
			})
		})
	}
}

// keeper keeps room until it is told not to.
type keeper struct{ leave func() }

func (k *keeper) Keep(leave func()) { k.leave = leave }

// TestRoomHeld: who asks for it holds the room of an answer after it has been read, and not that of a failure or of a small one.
func TestRoomHeld(t *testing.T) {
	t.Parallel()
	inCrowd(t, func(t *testing.T, c *crowded) {
		t.Helper()
		close(c.goOn)
		for _, path := range []string{"/large", "/small", "/cut"} { // the last one opens the breaker
			want := path == "/large"
			keeper, request := &keeper{}, asking(path).Request
			request.Hold = keeper
			_, err := c.Do(t.Context(), request)
			if held := keeper.leave != nil; held != want || held == c.isEmpty() {
				t.Errorf("%s: held %v, want %v, error %v", path, held, want, err)
			}
			if keeper.leave != nil {
				keeper.leave()
			}
			if !c.isEmpty() {
				t.Errorf("%s: room was not given back", path)
			}
		}
	})
}

// TestBodySizes: a body is read as it is, whatever its size, in pieces of any size.
func TestBodySizes(t *testing.T) {
	t.Parallel()
	const bound = 4 * smallBody
	for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 2 * smallBody, 3*smallBody + 7, bound, bound + 1} {
		for _, declared := range []bool{true, false} {
			for _, piece := range []int{1000, 1 << 20} {
				content := strings.Repeat("0123456789", size/10+1)[:size]
				response := &http.Response{ContentLength: -1, Body: io.NopCloser(bufio.NewReaderSize(strings.NewReader(content), piece))}
				if declared {
					response.ContentLength = int64(size)
				}
				body, err := readBody(response, bound, nil)
				if (err != nil) != (size > bound) || err == nil && string(body) != content {
					t.Errorf("%d bytes, declared %v: %d bytes, error %v", size, declared, len(body), err)
				}
			}
		}
	}
}
