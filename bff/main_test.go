package bff_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds every test that waits for something.
const deadline = 30 * time.Second

func withDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// logs gathers what a server logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// house is a running server in front of the pretend shop.
type house struct {
	shop   *pretend.Shop
	server *bff.Server
	url    string
	logs   *logs
	// http1 and h2c are clients of either HTTP version.
	http1, h2c *http.Client
	stop       func() error
}

// openHouse serves the storefront example, with patient timeouts; its breakers stay open for a second.
func openHouse(t *testing.T, options ...bff.Option) *house {
	t.Helper()
	return openHouseWith(t, "", options...)
}

// openHouseWith does so with more settings in sheaf.yaml.
func openHouseWith(t *testing.T, settings string, options ...bff.Option) *house {
	t.Helper()
	dir := plantest.Patient(t, storefront.Files())
	config, err := os.ReadFile(dir + "/sheaf.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.ReplaceAll(config, []byte("open_for: 3s"), []byte("open_for: 1s"))
	config = append(config, settings...)
	if err := os.WriteFile(dir+"/sheaf.yaml", config, 0o600); err != nil {
		t.Fatal(err)
	}
	shop := pretend.NewShop()
	upstreams, err := shop.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstreams.Close() })
	h := serve(t, dir, append(options, bff.WithLookupEnv(upstreams.LookupEnv))...)
	h.shop = shop
	return h
}

// serve serves a project on a free port until the test ends.
func serve(t *testing.T, dir string, options ...bff.Option) *house {
	t.Helper()
	h := &house{logs: &logs{}}
	options = append([]bff.Option{bff.WithLogger(slog.New(slog.NewJSONHandler(h.logs, nil)))}, options...)
	server, err := bff.Open(dir, options...)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.server = server
	h.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	transport := &http.Transport{}
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	h.http1, h.h2c = &http.Client{Transport: transport}, &http.Client{Transport: h2c}
	h.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		server.Close()
		return err
	})
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		h2c.CloseIdleConnections()
		if err := h.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

// contains fails the test if text lacks any of these.
func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from:\n%s", want, text)
		}
	}
}
