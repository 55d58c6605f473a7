//go:build slow

package slowtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// The programs and their versions; each is built once.
const (
	toxiproxyVersion = "2.5.0"
	httpbinVersion   = "2.26.0"
)

// builtProgram is the path of a Go program of a version.
func builtProgram(t *testing.T, name, binary, module, version string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sheaf", name+"-"+version)
	path := filepath.Join(dir, binary)
	if _, err := os.Stat(path); err != nil {
		runCommand(t, []string{"GOBIN=" + dir, "GOFLAGS="}, "go", "install", module+"@v"+version)
	}
	return path
}

// startProgram starts a program that listens on an address until the test ends.
func startProgram(t *testing.T, address, path string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), path, args...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", path, err)
		}
	}
}

// portOf is an address's port.
func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func startHTTPBin(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	startProgram(t, address, builtProgram(t, "go-httpbin", "go-httpbin", "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin", httpbinVersion),
		"-host", "127.0.0.1", "-port", portOf(t, address))
	return address
}

// toxiproxy is a proxy whose faults are set over its API.
type toxiproxy struct{ api, address string }

func startToxiproxy(t *testing.T, upstream string) *toxiproxy {
	t.Helper()
	api, address := freeAddress(t), freeAddress(t)
	startProgram(t, api, builtProgram(t, "toxiproxy", "server", "github.com/Shopify/toxiproxy/v2/cmd/server", toxiproxyVersion), "-host", "127.0.0.1", "-port", portOf(t, api))
	proxy := &toxiproxy{api: "http://" + api, address: address}
	proxy.ask(t, http.MethodPost, "/proxies", fmt.Sprintf(`{"name": "p", "listen": %q, "upstream": %q, "enabled": true}`, address, upstream))
	return proxy
}

func (p *toxiproxy) ask(t *testing.T, method, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.api+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, _ := io.ReadAll(response.Body); response.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
}

func openUpstream(t *testing.T, address string, change func(*upstreams.Config)) *upstreams.Client {
	t.Helper()
	config := upstreams.Config{
		Name: "bin", BaseURL: "http://" + address, Private: true, Timeout: 10 * time.Second, Breaker: upstreams.BreakerConfig{MinRequests: 1 << 20},
	}
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

func askFor(ctx context.Context, client *upstreams.Client, path, query string) (*upstreams.Answer, upstreams.Kind) {
	answer, err := client.Do(ctx, &upstreams.Request{Name: "get", Template: path, Method: http.MethodGet, Path: path, Query: query})
	if failure, ok := errors.AsType[*upstreams.Error](err); ok {
		return nil, failure.Kind
	}
	return answer, ""
}

// TestToxiproxy puts real faults of TCP between a client and an upstream.
func TestToxiproxy(t *testing.T) {
	proxy := startToxiproxy(t, startHTTPBin(t))
	for _, toxic := range []struct {
		name, kind, attributes, path string
		timeout                      time.Duration
		want                         upstreams.Kind
		least                        time.Duration
	}{
		{name: "none", path: "/bytes/1000"},
		{name: "latency", kind: "latency", attributes: `{"latency": 200, "jitter": 10}`, path: "/bytes/1000", least: 190 * time.Millisecond},
		{name: "latency beyond the timeout", kind: "latency", attributes: `{"latency": 5000}`, path: "/bytes/1000", timeout: 300 * time.Millisecond, want: upstreams.KindTimeout},
		{name: "bandwidth", kind: "bandwidth", attributes: `{"rate": 100}`, path: "/bytes/50000", least: 100 * time.Millisecond},
		{name: "bandwidth beyond the timeout", kind: "bandwidth", attributes: `{"rate": 1}`, path: "/bytes/100000", timeout: 300 * time.Millisecond, want: upstreams.KindTimeout},
		{name: "slow_close", kind: "slow_close", attributes: `{"delay": 5000}`, path: "/bytes/1000"},
		{name: "timeout", kind: "timeout", attributes: `{"timeout": 0}`, path: "/bytes/1000", timeout: 300 * time.Millisecond, want: upstreams.KindTimeout},
		{name: "timeout that closes", kind: "timeout", attributes: `{"timeout": 100}`, path: "/bytes/1000", want: upstreams.KindUnavailable},
		{name: "reset_peer", kind: "reset_peer", attributes: `{"timeout": 0}`, path: "/bytes/1000", want: upstreams.KindUnavailable},
		{name: "slicer", kind: "slicer", attributes: `{"average_size": 64, "size_variation": 32, "delay": 10}`, path: "/bytes/2000"},
		{name: "limit_data in the head", kind: "limit_data", attributes: `{"bytes": 20}`, path: "/bytes/1000", want: upstreams.KindUnavailable},
		{name: "limit_data in the body", kind: "limit_data", attributes: `{"bytes": 2000}`, path: "/bytes/10000", want: upstreams.KindUnavailable},
	} {
		t.Run(toxic.name, func(t *testing.T) {
			if toxic.kind != "" {
				proxy.ask(t, http.MethodPost, "/proxies/p/toxics", fmt.Sprintf(`{"name": "t", "type": %q, "attributes": %s}`, toxic.kind, toxic.attributes))
				defer proxy.ask(t, http.MethodDelete, "/proxies/p/toxics/t", "")
			}
			client := openUpstream(t, proxy.address, func(config *upstreams.Config) {
				if toxic.timeout > 0 {
					config.Timeout = toxic.timeout
				}
			})
			defer client.Close()
			const calls = 3
			for range calls {
				started := time.Now()
				answer, kind := askFor(t.Context(), client, toxic.path, "")
				took := time.Since(started)
				if kind != toxic.want || kind == "" && "/bytes/"+strconv.Itoa(len(answer.Body)) != toxic.path || took < toxic.least {
					t.Errorf("%q after %s, want %q", kind, took, toxic.want)
				}
				t.Logf("%q after %s", kind, took.Round(time.Millisecond))
			}
		})
	}
	proxy.ask(t, http.MethodPost, "/proxies/p", `{"enabled": false}`)
	client := openUpstream(t, proxy.address, nil)
	if _, kind := askFor(t.Context(), client, "/get", ""); kind != upstreams.KindUnavailable {
		t.Errorf("a proxy that is down: %q", kind)
	}
	proxy.ask(t, http.MethodPost, "/proxies/p", `{"enabled": true}`)
	if _, kind := askFor(t.Context(), client, "/get", ""); kind != "" {
		t.Errorf("a proxy that is up again: %q", kind)
	}
}

// TestHTTPBin: each kind of answer of a real upstream means what the table of statuses says.
func TestHTTPBin(t *testing.T) {
	client := openUpstream(t, startHTTPBin(t), func(config *upstreams.Config) {
		config.Timeout, config.MaxAnswerBytes = 2*time.Second, 50_000
		config.Cache = &upstreams.CacheConfig{Store: store.NewMemory(1 << 20)}
	})
	for _, test := range []struct {
		path, query string
		want        upstreams.Kind
		bytes       int
	}{
		{path: "/get", bytes: -1},
		{path: "/status/200", bytes: 0},
		{path: "/status/204", bytes: 0},
		{path: "/status/400", want: upstreams.KindRejected},
		{path: "/status/401", want: upstreams.KindCredentials},
		{path: "/status/403", want: upstreams.KindCredentials},
		{path: "/status/404", want: upstreams.KindNotFound},
		{path: "/status/408", want: upstreams.KindUnavailable},
		{path: "/status/409", want: upstreams.KindConflict},
		{path: "/status/410", want: upstreams.KindNotFound},
		{path: "/status/412", want: upstreams.KindPrecondition},
		{path: "/status/418", want: upstreams.KindBadAnswer},
		{path: "/status/422", want: upstreams.KindRejected},
		{path: "/status/429", want: upstreams.KindRateLimited},
		{path: "/status/500", want: upstreams.KindFailed},
		{path: "/status/501", want: upstreams.KindFailed},
		{path: "/status/502", want: upstreams.KindUnavailable},
		{path: "/status/503", want: upstreams.KindUnavailable},
		{path: "/status/504", want: upstreams.KindUnavailable},
		{path: "/delay/0.1", bytes: -1},
		{path: "/delay/5", want: upstreams.KindTimeout},
		{path: "/drip", query: "numbytes=5&duration=0.5&delay=0", bytes: 5},
		{path: "/drip", query: "numbytes=10&duration=9&delay=0", want: upstreams.KindTimeout},
		{path: "/gzip", bytes: -1},
		{path: "/deflate", bytes: -1}, // its body stays as it is: Sheaf never asks for deflate
		{path: "/redirect/3", want: upstreams.KindBadAnswer},
		{path: "/absolute-redirect/3", want: upstreams.KindBadAnswer},
		{path: "/relative-redirect/3", want: upstreams.KindBadAnswer},
		{path: "/bytes/50000", bytes: 50_000},
		{path: "/bytes/50001", want: upstreams.KindBadAnswer},
		{path: "/stream-bytes/50000", bytes: 50_000},
		{path: "/stream-bytes/50001", want: upstreams.KindBadAnswer},
		{path: "/stream/3", bytes: -1},
		{path: "/etag/one", bytes: -1},
	} {
		answer, kind := askFor(t.Context(), client, test.path, test.query)
		if kind != test.want || kind == "" && test.bytes >= 0 && len(answer.Body) != test.bytes || kind == "" && test.bytes < 0 && len(answer.Body) == 0 {
			t.Errorf("%s: %q, %+v; want %q", test.path, kind, answer, test.want)
		}
	}
	again, kind := askFor(t.Context(), client, "/etag/one", "")
	if kind != "" || again.Status != http.StatusOK || len(again.Body) == 0 {
		t.Errorf("validation of /etag/one: %q, %+v", kind, again)
	}
	first, _ := askFor(t.Context(), client, "/cache/60", "")
	second, kind := askFor(t.Context(), client, "/cache/60", "")
	if kind != "" || second.Header.Get("Age") == "" || !bytes.Equal(first.Body, second.Body) {
		t.Errorf("/cache/60: %q, %+v; want it from the cache", kind, second)
	}
}
