package upstreams

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSlowNames: a resolver that says nothing, and an address that nobody answers at, are bounded by the attempt.
func TestSlowNames(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 10), make(chan struct{})
	t.Cleanup(func() { close(release) })
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		asked <- struct{}{}
		select {
		case <-ctx.Done():
		case <-release:
		}
		return nil, errTest
	}}
	client := create(t, Config{Name: "things", BaseURL: "http://things.test", Private: true, Resolver: silent, Timeout: 50 * time.Millisecond})
	ended := make(chan error, 1)
	go func() {
		_, err := client.Do(t.Context(), thing())
		ended <- err
	}()
	select {
	case err := <-ended:
		if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != KindTimeout {
			t.Errorf("error = %v, want a timeout", err)
		}
	case <-time.After(dialTimeout):
		t.Error("the call waits for the resolver")
	}
	if len(asked) == 0 {
		t.Error("the resolver was not asked")
	}
}

// TestTransport: what keeps a dead connection of HTTP/2 from being used again, and pools apart.
func TestTransport(t *testing.T) {
	t.Parallel()
	b := newTestBalancer(t, BalanceConfig{}, "a", "b")
	first, second := b.addresses[0].transport.standard, b.addresses[1].transport.standard
	if first == second || first.TLSClientConfig == second.TLSClientConfig {
		t.Error("two addresses share a pool")
	}
	if first.HTTP2 == nil || first.HTTP2.SendPingTimeout <= 0 || first.HTTP2.PingTimeout <= 0 || !first.ForceAttemptHTTP2 {
		t.Errorf("HTTP/2 = %+v", first.HTTP2)
	}
}

// TestDeadHTTP2: a connection on which nothing arrives any more is given up, though its requests alone would keep it.
func TestDeadHTTP2(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	server := secured(t, ours.issue(t, "things.test", time.Hour), func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("the request came over %s", r.Proto)
		}
		_, _ = io.WriteString(w, "{}")
	})
	relay := newRelay(t, server.Listener.Addr().String())
	client := create(t, Config{
		Name: "things", BaseURL: "https://things.test", Private: true, Timeout: 50 * time.Millisecond, TLS: &TLSConfig{Authorities: ours.pool()},
		Balance: &BalanceConfig{Addresses: []string{relay.Addr().String()}}, Breaker: BreakerConfig{MinRequests: 100000},
	})
	pings := client.balancer.addresses[0].transport.standard.HTTP2
	pings.SendPingTimeout, pings.PingTimeout = 20*time.Millisecond, 20*time.Millisecond
	succeeds := func() bool { _, err := client.Do(t.Context(), thing()); return err == nil }
	until := time.Now().Add(patience)
	for !succeeds() { // a busy machine may take longer for the first one
		if time.Now().After(until) {
			t.Fatal("no first answer")
		}
	}
	relay.swallow()
	until = time.Now().Add(pingTimeout) // far longer than the two above, and shorter than what net/http takes by itself
	for !succeeds() {
		if time.Now().After(until) {
			t.Fatal("the dead connection is still used")
		}
	}
}

// relay passes bytes on to a server, until it is told to swallow those of the connections that it has.
type relay struct {
	net.Listener
	mu   sync.Mutex
	dead []*atomic.Bool
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: listener}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			dead := &atomic.Bool{}
			r.mu.Lock()
			r.dead = append(r.dead, dead)
			r.mu.Unlock()
			out, err := new(net.Dialer).DialContext(ctx, "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _ = in.Close(); _ = out.Close() })
			running.Go(func() { pass(out, in, dead) })
			running.Go(func() { pass(in, out, dead) })
		}
	})
	t.Cleanup(func() { cancel(); _ = listener.Close(); running.Wait() })
	return r
}

func (r *relay) swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.dead {
		one.Store(true)
	}
}

// pass copies bytes, and goes on reading when they are no longer passed on.
func pass(to, from net.Conn, dead *atomic.Bool) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			if !dead.Load() {
				_ = to.Close()
			}
			return
		}
		if !dead.Load() {
			_, _ = to.Write(buffer[:n])
		}
	}
}
