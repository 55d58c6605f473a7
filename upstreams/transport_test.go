package upstreams

import (
	"context"
	"errors"
	"net"
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
	first, second := b.addresses[0].transport, b.addresses[1].transport
	if first == second || first.TLSClientConfig == second.TLSClientConfig {
		t.Error("two addresses share a pool")
	}
	if first.HTTP2 == nil || first.HTTP2.SendPingTimeout <= 0 || first.HTTP2.PingTimeout <= 0 || !first.ForceAttemptHTTP2 {
		t.Errorf("HTTP/2 = %+v", first.HTTP2)
	}
}
