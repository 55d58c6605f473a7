package upstreams

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// egress is a proxy that connects to one server, whatever it is asked for, and remembers what that was.
type egress struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string
	status int
}

func newEgress(t *testing.T, target string) *egress {
	t.Helper()
	e := &egress{status: http.StatusOK}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.asked = append(e.asked, r.Method+" "+r.RequestURI)
		e.mu.Unlock()
		if r.Method != http.MethodConnect || e.status != http.StatusOK {
			w.WriteHeader(e.status)
			return
		}
		e.connect(t, w, target)
	}))
	e.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(func() { e.CloseClientConnections(); e.Close() })
	return e
}

func (e *egress) connect(t *testing.T, w http.ResponseWriter, target string) {
	t.Helper()
	out, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
	if err != nil {
		t.Error(err)
		return
	}
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(out, in); _ = out.Close(); _ = in.Close() }()
	_, _ = io.Copy(in, out)
	_ = in.Close()
	_ = out.Close()
}

func (e *egress) requests() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.asked, ", ")
}

// TestProxy: https goes through CONNECT, so that the proxy sees names alone; http goes as it is. The proxy may be private.
func TestProxy(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	server := secured(t, ours.issue(t, "things.test", time.Hour), func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "things.test" || r.ProtoMajor != 2 {
			t.Errorf("host = %s over %s", r.Host, r.Proto)
		}
		_, _ = io.WriteString(w, "{}")
	})
	proxy := newEgress(t, server.Listener.Addr().String())
	proxy.Start()
	for base, want := range map[string]string{"https://things.test": "CONNECT things.test:443", "http://things.test": "GET http://things.test/things/1"} {
		config := Config{Name: "things", BaseURL: base, Proxy: proxy.URL}
		if strings.HasPrefix(base, "https") {
			config.TLS = &TLSConfig{Authorities: ours.pool(), Pins: []string{pinOf(ours.certificate)}}
		}
		if _, err := create(t, config).Do(t.Context(), thing()); err != nil {
			t.Errorf("%s: %v", base, err)
		}
		if got := proxy.requests(); !strings.HasSuffix(got, want) {
			t.Errorf("%s: the proxy was asked for %s, want %s", base, got, want)
		}
	}
}

// TestProxyTLS: a proxy is trusted for its own name, and the upstream behind it for its own name and keys.
func TestProxyTLS(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	inner := ours.issue(t, "inner.test", time.Hour)
	server := secured(t, inner, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	proxy := newEgress(t, server.Listener.Addr().String())
	proxy.TLS = secured(t, ours.issue(t, "proxy.test", time.Hour), nil).TLS.Clone()
	proxy.TLS.NextProtos = nil
	proxy.StartTLS()
	for pin, good := range map[string]bool{pinOf(inner.Leaf): true, pinOf(proxy.TLS.Certificates[0].Leaf): false} {
		client := create(t, Config{
			Name: "things", BaseURL: "https://things.test", Proxy: "https://" + proxy.Listener.Addr().String(),
			TLS: &TLSConfig{Authorities: ours.pool(), ServerName: "inner.test", Pins: []string{pin}},
		})
		_, err := client.Do(t.Context(), thing())
		if good && err != nil || !good && !errors.Is(err, errUnpinned) {
			t.Errorf("pinned to the upstream %v: %v", good, err)
		}
	}
	others := newAuthority(t)
	_, err := create(t, Config{
		Name: "things", BaseURL: "https://things.test", Proxy: "https://" + proxy.Listener.Addr().String(), TLS: &TLSConfig{Authorities: others.pool()},
	}).Do(t.Context(), thing())
	if failure, ok := errors.AsType[*Error](err); !ok || !failure.Unsent || !failure.refused || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("a proxy of another authority: %v", err)
	}
}

// TestProxyRefuses: nothing was sent; what a proxy forbids is not asked for again, and an upstream's address that is written out
// is still judged.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		base   string
		kind   Kind
		times  int
	}{
		"forbidden":   {http.StatusForbidden, "https://things.test", KindUnavailable, 1},
		"asks who":    {http.StatusProxyAuthRequired, "https://things.test", KindUnavailable, 1},
		"busy":        {http.StatusServiceUnavailable, "https://things.test", KindUnavailable, 3},
		"not public":  {http.StatusOK, "https://169.254.169.254", KindAddress, 0},
		"not public6": {http.StatusOK, "http://[::ffff:10.0.0.1]", KindAddress, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := newEgress(t, "")
			proxy.status = test.status
			proxy.Start()
			client := create(t, Config{Name: "things", BaseURL: test.base, Proxy: proxy.URL, Retries: RetryConfig{Max: 2, Budget: 1, Backoff: time.Millisecond}})
			_, err := client.Do(t.Context(), thing())
			failure, ok := errors.AsType[*Error](err)
			if !ok || failure.Kind != test.kind || !failure.Unsent {
				t.Errorf("error = %#v", failure)
			}
			if got := strings.Count(proxy.requests(), "CONNECT"); got != test.times {
				t.Errorf("the proxy was asked %d times, want %d", got, test.times)
			}
		})
	}
}

// TestProxyIsDown: without a proxy nothing is sent, and it is tried again.
func TestProxyIsDown(t *testing.T) {
	t.Parallel()
	proxy := newEgress(t, "")
	proxy.Start()
	proxy.Close()
	_, err := create(t, Config{Name: "things", BaseURL: "https://things.test", Proxy: proxy.URL}).Do(t.Context(), thing())
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != KindUnavailable || !failure.Unsent || failure.refused {
		t.Errorf("error = %#v", failure)
	}
}

// TestProxyOfEnvironment: only what is declared counts.
func TestProxyOfEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	request := httptest.NewRequest(http.MethodGet, "https://things.test/", nil)
	for _, declared := range []string{"", "http://egress.test:3128"} {
		client := create(t, Config{Name: "things", BaseURL: "https://things.test", Proxy: declared})
		chosen := client.balancer.addresses[0].transport.standard.Proxy
		switch {
		case declared == "" && chosen != nil:
			t.Error("a proxy that nobody declared")
		case declared != "":
			if proxy, err := chosen(request); err != nil || proxy.String() != declared {
				t.Errorf("proxy = %v (%v), want %s", proxy, err, declared)
			}
		}
	}
}

func TestParseProxy(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, "http://egress.test:3128": true, "https://egress.test": true, "socks5://egress.test": false, "egress.test:3128": false, "http://": false,
		"http://:3128": false, "http://me:canary@egress.test": false, "http://egress.test:canary": false,
	} {
		_, err := parseProxy(text)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
