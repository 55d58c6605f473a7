package bff_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// say sends texts over one connection, and returns what comes back, or the error.
func say(t *testing.T, h *house, text string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(withDeadline(t), "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return response.Status
	}
	return string(body)
}

// TestPeers: what the policy sees of where a request comes from.
func TestPeers(t *testing.T) {
	t.Parallel()
	const get, proxied = "GET / HTTP/1.1\r\nHost: x\r\n", "PROXY TCP4 198.51.100.7 10.0.0.9 4711 80\r\n"
	const forwarded = "X-Forwarded-For: 127.0.0.1, 203.0.113.1\r\n"
	for name, test := range map[string]struct{ settings, sent, want string }{
		"nobody trusted":               {"", get + forwarded + "\r\n", "127.0.0.1 public"},
		"trusted":                      {"server: {trusted_proxies: [127.0.0.0/8]}\n", get + forwarded + "\r\n", "203.0.113.1 public"},
		"trusted, and says nothing":    {"server: {trusted_proxies: [127.0.0.1]}\n", get + "\r\n", "127.0.0.1 public"},
		"trusted, and says nonsense":   {"server: {trusted_proxies: [127.0.0.1]}\n", get + "X-Forwarded-For: me\r\n\r\n", "400 Bad Request"},
		"another trusted":              {"server: {trusted_proxies: [192.0.2.1]}\n", get + forwarded + "\r\n", "127.0.0.1 public"},
		"PROXY":                        {"server: {trusted_proxies: [127.0.0.1], proxy_protocol: true}\n", proxied + get + "\r\n", "198.51.100.7 public"},
		"PROXY, and a forged header":   {"server: {trusted_proxies: [127.0.0.1], proxy_protocol: true}\n", proxied + get + forwarded + "\r\n", "198.51.100.7 public"},
		"PROXY of a proxy behind that": {"server: {trusted_proxies: [127.0.0.1, 198.51.100.7], proxy_protocol: true}\n", proxied + get + forwarded + "\r\n", "203.0.113.1 public"},
		"no PROXY where there has to":  {"server: {trusted_proxies: [127.0.0.1], proxy_protocol: true}\n", get + "\r\n", "no answer"},
		"PROXY of another":             {"server: {trusted_proxies: [192.0.2.1], proxy_protocol: true}\n", proxied + get + "\r\n", "400 Bad Request"},
		"none of another":              {"server: {trusted_proxies: [192.0.2.1], proxy_protocol: true}\n", get + "\r\n", "127.0.0.1 public"},
		"PROXY without the setting":    {"server: {trusted_proxies: [127.0.0.1]}\n", proxied + get + "\r\n", "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHouseWith(t, test.settings)
			h.server.TellPeers()
			if got := say(t, h, test.sent); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

const shopPages = "server: {cors: {origins: [https://shop.example], expose_headers: [X-Own]}}\n"

// TestPages: a page of a listed origin reads answers, refusals and what is not there; others read nothing, and what needs no preflight
// is refused.
func TestPages(t *testing.T) {
	t.Parallel()
	h := openHouseWith(t, shopPages)
	query := "?connect=v1&encoding=json&message=" + url.QueryEscape(`{"productId":"p-100"}`)
	for name, test := range map[string]struct {
		method, path, contentType string
		status                    int
	}{
		"a call":                 {http.MethodPost, getProduct, "application/json", http.StatusOK},
		"a call over GET":        {http.MethodGet, getProduct + query, "", http.StatusOK},
		"unknown":                {http.MethodPost, getProduct + "s", "application/json", http.StatusNotFound},
		"health":                 {http.MethodPost, "/grpc.health.v1.Health/Check", "application/json", http.StatusOK},
		"a form":                 {http.MethodPost, getProduct, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		"text":                   {http.MethodPost, getProduct, "text/plain", http.StatusUnsupportedMediaType},
		"text, named otherwise":  {http.MethodPost, getProduct, "text/plain; application/json", http.StatusUnsupportedMediaType},
		"many parts":             {http.MethodPost, getProduct, "multipart/form-data; boundary=x", http.StatusUnsupportedMediaType},
		"without a type":         {http.MethodPost, getProduct, "", http.StatusUnsupportedMediaType},
		"a change over GET":      {http.MethodGet, "/shop.v1.StorefrontService/CancelOrder" + query, "", http.StatusMethodNotAllowed},
		"a change over HEAD":     {http.MethodHead, "/shop.v1.StorefrontService/CancelOrder" + query, "", http.StatusMethodNotAllowed},
		"a preflight of nothing": {http.MethodOptions, getProduct, "", http.StatusMethodNotAllowed},
	} {
		for _, origin := range []string{"https://shop.example", "https://evil.example"} {
			body := map[string]string{http.MethodPost: `{"productId":"p-100"}`}[test.method]
			if test.path == "/grpc.health.v1.Health/Check" {
				body = "{}"
			}
			request, err := http.NewRequestWithContext(withDeadline(t), test.method, h.url+test.path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Origin", origin)
			request.Header.Set("Content-Type", test.contentType)
			response, err := h.http1.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, response)
			allowed := response.Header["Access-Control-Allow-Origin"]
			if response.StatusCode != test.status || (len(allowed) == 1 && allowed[0] == origin) != (origin == "https://shop.example") ||
				!strings.Contains(strings.Join(response.Header["Vary"], ","), "Origin") || response.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s, %s: %d, header %v", name, origin, response.StatusCode, response.Header)
			}
			if exposed := response.Header.Get("Access-Control-Expose-Headers"); len(allowed) == 1 {
				contains(t, exposed, "Grpc-Status", "Sheaf-Partial", "Ratelimit-Policy", "Retry-After", "Idempotency-Replayed", "Etag", "X-Own")
			}
		}
	}
}

// TestPagesReload: origins follow a reload.
func TestPagesReload(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	h := serve(t, g.dir)
	preflight := func() (int, http.Header) {
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodOptions, h.url+"/greet.v1.GreetService/Greet", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
		} {
			request.Header.Set(name, value)
		}
		response, err := h.http1.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, response)
		return response.StatusCode, response.Header
	}
	if status, header := preflight(); status != http.StatusMethodNotAllowed || header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("before: %d %v", status, header)
	}
	g.change(t, "sheaf.yaml", "server: {", "server: {cors: {origins: [https://shop.example], max_age: 10m}, ")
	if reloaded, err := h.server.Reload(withDeadline(t)); err != nil || len(reloaded.NeedRestart) > 0 {
		t.Fatal(reloaded, err)
	}
	status, header := preflight()
	if status != http.StatusNoContent || header.Get("Access-Control-Allow-Origin") != "https://shop.example" || header.Get("Access-Control-Max-Age") != "600" {
		t.Errorf("after: %d %v", status, header)
	}
	contains(t, header.Get("Access-Control-Allow-Headers"), "Authorization", "Idempotency-Key", "Connect-Protocol-Version", "Grpc-Timeout", "Traceparent")
}

// TestSharedCaches: what may depend on the caller is kept by no shared cache, and what does not, by any.
func TestSharedCaches(t *testing.T) {
	t.Parallel()
	fresh := map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"}
	for name, test := range map[string]struct {
		settings string
		kept     bool
	}{
		"no policy":  {"", true},
		"rules":      {"policy: {rules: {all: {rpcs: [\"*\"], allow: \"true\"}}}\n", false},
		"rules only": {"policy: {rules: {near: {rpcs: [\"*\"], allow: \"peer.ip != ''\"}}}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := openCaching(t, fresh, test.settings)
			response := h.ask(t, "")
			readAll(t, response)
			answer := &httpcache.Response{Status: response.StatusCode, Header: response.Header, RequestedAt: time.Now(), ReceivedAt: time.Now()}
			shared, private := httpcache.Rules{}, httpcache.Rules{Private: true}
			if shared.MayStore(http.Header{}, answer) != test.kept || !private.MayStore(http.Header{}, answer) {
				t.Errorf("kept by shared caches: %v; header %v", !test.kept, response.Header)
			}
		})
	}
}
