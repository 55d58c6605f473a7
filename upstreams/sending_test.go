package upstreams_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// listen accepts connections until the test ends, and gives each to serve, which need not close it.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				serve(connection)
			}()
		}
	}()
	return listener.Addr().String()
}

// onceOnly answers the first request of a connection, and reads the next ones only to close it.
func onceOnly(received *atomic.Int64) func(net.Conn) {
	return func(connection net.Conn) {
		reader := bufio.NewReader(connection)
		for number := 0; ; number++ {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			received.Add(1)
			if number > 0 {
				return
			}
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		}
	}
}

// TestBrokenWrite: a write whose kept connection breaks is not sent again, whatever a transport thinks of its headers.
func TestBrokenWrite(t *testing.T) {
	t.Parallel()
	overEach(t, true, func(t *testing.T, over over) {
		t.Helper()
		for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "x-idempotency-key", "Other"} {
			for _, body := range [][]byte{nil, []byte("{}")} {
				var received atomic.Int64
				client := over.dialing(t, onceOnly(&received), nil)
				request := &upstreams.Request{Name: "put", Method: http.MethodPost, Path: "/", Header: http.Header{name: {"k"}}, Body: body}
				if _, err := client.Do(t.Context(), request); err != nil {
					t.Fatal(err)
				}
				_, err := client.Do(t.Context(), request)
				failure, ok := errors.AsType[*upstreams.Error](err)
				if !ok || failure.Kind != upstreams.KindUnavailable || failure.Unsent || received.Load() != 2 {
					t.Errorf("%s: %v, and the upstream received %d requests for 2 calls", name, err, received.Load())
				}
			}
		}
	})
}

func dialing(t *testing.T, address string, change func(*upstreams.Config)) *upstreams.Client {
	t.Helper()
	config := upstreams.Config{Name: "things", BaseURL: "http://" + address, Private: true, Timeout: time.Minute}
	if change != nil {
		change(&config)
	}
	client, err := upstreams.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestBrokenReads: an upstream that breaks every kept connection does not get each request twice: what a transport repeats by itself is
// within the budget of repetitions, too.
func TestBrokenReads(t *testing.T) {
	t.Parallel()
	overEach(t, true, func(t *testing.T, over over) {
		t.Helper()
		for _, retries := range []upstreams.RetryConfig{{}, {Max: 3, Budget: 0.1, Backoff: time.Nanosecond}} {
			var received atomic.Int64
			client := over.dialing(t, onceOnly(&received), func(config *upstreams.Config) {
				config.Retries, config.Breaker.MinRequests = retries, 1<<30
			})
			const calls, floor = 500, 3 // a quiet upstream may have three repetitions
			failed := 0
			for range calls {
				if _, err := client.Do(t.Context(), get("/")); err != nil {
					failed++
				}
			}
			if got := received.Load(); got > calls*11/10+floor || got < calls {
				t.Errorf("retries %+v: the upstream received %d requests for %d calls", retries, got, calls)
			}
			t.Logf("retries %+v: %d requests received for %d calls, %d failed", retries, received.Load(), calls, failed)
		}
	})
}

// TestIdleClosed: a call does not fail if the upstream has just closed the kept connection that it would have used.
func TestIdleClosed(t *testing.T) {
	t.Parallel()
	overEach(t, true, func(t *testing.T, over over) {
		t.Helper()
		var received atomic.Int64
		client := over.dialing(t, onceOnly(&received), nil)
		for range 2 {
			if _, err := client.Do(t.Context(), get("/")); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestCancelDial: who gives up while there is no connection yet leaves none behind, be it in DNS, in the dial or in the TLS handshake.
func TestCancelDial(t *testing.T) {
	t.Parallel()
	accepted, closed := make(chan struct{}), make(chan struct{})
	address := listen(t, func(connection net.Conn) {
		close(accepted)
		_, _ = io.Copy(io.Discard, connection) // the handshake is never answered
		close(closed)
	})
	client := dialing(t, address, func(config *upstreams.Config) { config.BaseURL = "https://" + address })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := client.Do(ctx, get("/"))
		done <- err
	}()
	await(t, accepted)
	started := time.Now()
	cancel()
	await(t, closed)
	t.Logf("the connection was closed %s after the caller gave up", time.Since(started))
	failure, ok := errors.AsType[*upstreams.Error](<-done)
	if !ok || !failure.Unsent || !errors.Is(failure, context.Canceled) {
		t.Errorf("error = %v", failure)
	}
}

// TestCancelResolve: a question to DNS ends with the call.
func TestCancelResolve(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			cancelResolve(t, scheme+"://things.test")
		})
	}
}

func cancelResolve(t *testing.T, base string) {
	t.Helper()
	asked, ended := make(chan struct{}), make(chan struct{})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-ctx.Done()
		select {
		case ended <- struct{}{}:
		default:
		}
		return nil, ctx.Err()
	}}
	client := dialing(t, "things.test", func(config *upstreams.Config) { config.BaseURL, config.Resolver = base, resolver })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := client.Do(ctx, get("/"))
		done <- err
	}()
	await(t, asked)
	cancel()
	await(t, ended)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

func await(t *testing.T, event <-chan struct{}) {
	t.Helper()
	const patience = 20 * time.Second
	select {
	case <-event:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
}

// TestResetAtEachByte: wherever an answer is cut off, the call fails, and is never taken for a whole one.
func TestResetAtEachByte(t *testing.T) {
	t.Parallel()
	body := `{"name": "whole"}`
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	overEach(t, true, func(t *testing.T, over over) {
		t.Helper()
		var at atomic.Int64
		client := over.dialing(t, func(connection net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err != nil {
				return
			}
			_, _ = io.WriteString(connection, answer[:at.Load()])
			resetting(connection)
		}, func(config *upstreams.Config) { config.Breaker.MinRequests = 1 << 30 })
		for cut := range len(answer) {
			at.Store(int64(cut))
			_, err := client.Do(t.Context(), get("/"))
			if kind(err) != upstreams.KindUnavailable && (cut >= strings.Index(answer, "\n") || kind(err) != upstreams.KindBadAnswer) {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
	})
}
