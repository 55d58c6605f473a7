package bff_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// TestReloadParts: calls fare well while what upstreams share changes under them: the issuer of their tokens, its secret, and Redis; and
// a reload that fails half-way takes nothing from the world that stays.
func TestReloadParts(t *testing.T) {
	t.Parallel()
	var issued atomic.Int64
	auth := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 3600}`, issued.Add(1))
	}))
	t.Cleanup(auth.Close)
	g := newGreeter(t)
	people := g.read(t, "sheaf.yaml")
	g.change(t, "bindings/greet.yaml", "person.old", "person.token")
	g.write(t, "client_secret", "first")
	write := func(redis, timeout, more string) {
		g.write(t, "sheaf.yaml", people+
			"    cache: {store: redis}\n"+
			"    credentials: {oauth2: {token: 'auth:/token', client_id: shop, client_secret: {file: client_secret}}}\n"+
			"  auth:\n    base_url: "+auth.URL+"\n    network: private\n    timeout: "+timeout+"\n"+more+
			"redis: {addresses: ['"+redis+"']}\n")
	}
	stores := []string{miniredis.RunT(t).Addr(), miniredis.RunT(t).Addr()}
	write(stores[0], "10s", "")
	h := serve(t, g.dir)
	ctx := withDeadline(t)

	done := make(chan struct{})
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if text, err := greet(ctx, h.http1, h.url, "x"); err != nil || !strings.HasPrefix(text, "Bearer token-") {
					t.Errorf("text = %q, error = %v", text, err)
					return
				}
			}
		})
	}
	for round, step := range []struct {
		change func()
		kept   int // -1 for a reload that fails
	}{
		{func() {}, 2},
		{func() { write(stores[0], "11s", "") }, 0}, // the issuer is another, and so is who asks it
		{func() { write(stores[1], "11s", "") }, 1}, // the issuer stays
		{func() { write(stores[1], "11s", "    tls: {ca: none.pem}\n") }, -1},
		{func() {
			write(stores[0], "12s", "")
			g.write(t, "sheaf.yaml", g.read(t, "sheaf.yaml")+"admin: {listen: '127.0.0.1:0', token: {file: none}}\n")
		}, -1},
		{func() {
			write(stores[1], "11s", "  last:\n    base_url: https://127.0.0.1:1\n    network: private\n    credentials: {bearer: {file: none}}\n")
		}, -1},
		{func() { write(stores[1], "11s", ""); g.write(t, "client_secret", "second") }, 2},
		{func() { write(stores[0], "12s", "") }, 0},
	} {
		step.change()
		reloaded, err := h.server.Reload(ctx)
		switch {
		case step.kept < 0 && err == nil:
			t.Errorf("round %d: reloaded wrong files", round)
		case step.kept >= 0 && (err != nil || reloaded.Kept != step.kept):
			t.Errorf("round %d: %+v, %v; want %d kept", round, reloaded, err, step.kept)
		}
		if _, err := greet(ctx, h.http1, h.url, "x"); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	close(done)
	calls.Wait()
	if issued.Load() > 8 {
		t.Errorf("%d tokens", issued.Load())
	}
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(func() { _, _ = h.server.Reload(ctx) })
		closing.Go(h.server.Close)
	}
	closing.Wait()
	if _, err := h.server.Reload(ctx); err == nil {
		t.Error("a closed server was reloaded")
	}
}
