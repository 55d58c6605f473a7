package bff_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// openCaching serves the storefront in front of a shop whose answers have these Cache-Control headers. The catalog's answers are
// kept. down, once set, takes the catalog away.
func openCaching(t *testing.T, controls map[string]string, settings ...string) (h *house, down *atomic.Bool) {
	t.Helper()
	return openEdited(t, controls, calls, settings...)
}

// calls is where the binding's calls begin.
const calls = "    calls:\n      product:\n"

// openEdited is openCaching with something instead of calls, and with more settings in sheaf.yaml.
func openEdited(t *testing.T, controls map[string]string, instead string, settings ...string) (h *house, down *atomic.Bool) {
	t.Helper()
	down = &atomic.Bool{}
	shop := pretend.NewShop()
	upstreams, err := shop.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstreams.Close() })
	fronts := map[string]string{}
	for _, service := range []string{"catalog", "reviews", "stock"} {
		name := strings.ToUpper(service) + "_URL"
		address, _ := upstreams.LookupEnv(name)
		target, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() && service == "catalog" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if control := controls[service]; control != "" {
				w.Header().Set("Cache-Control", control)
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		fronts[name] = front.URL
	}
	dir := plantest.Patient(t, storefront.Files())
	config, err := os.ReadFile(dir + "/sheaf.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := os.ReadFile(dir + "/bindings/storefront.yaml")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(bindings), calls, instead, 1)
	if err := os.WriteFile(dir+"/bindings/storefront.yaml", []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	config = []byte(strings.Replace(string(config), "    base_url: ${env.CATALOG_URL}\n", "    base_url: ${env.CATALOG_URL}\n    cache: {}\n", 1) + strings.Join(settings, ""))
	if err := os.WriteFile(dir+"/sheaf.yaml", config, 0o600); err != nil {
		t.Fatal(err)
	}
	h = serve(t, dir, bff.WithLookupEnv(func(name string) (string, bool) {
		if front, ok := fronts[name]; ok {
			return front, true
		}
		return upstreams.LookupEnv(name)
	}))
	h.shop = shop
	return h, down
}

// ask is a Connect GET of a product, with the tag that the client has.
func (h *house) ask(t *testing.T, tag string) *http.Response {
	t.Helper()
	var tags []string
	if tag != "" {
		tags = []string{tag}
	}
	return h.askFor(t, "p-100", http.Header{"If-None-Match": tags})
}

func (h *house) askFor(t *testing.T, product string, header http.Header) *http.Response {
	t.Helper()
	target := h.url + getProduct + "?connect=v1&encoding=json&message=" + url.QueryEscape(`{"productId":"`+product+`"}`)
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := h.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestCacheControl: a GET's response may be kept as long as each of its parts, and by the client alone if one of them is private.
func TestCacheControl(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		controls map[string]string
		want     string
	}{
		"the shortest":   {map[string]string{"catalog": "max-age=60", "reviews": "max-age=30", "stock": "max-age=90"}, "max-age=29"},
		"one is private": {map[string]string{"catalog": "max-age=60", "reviews": "private, max-age=30", "stock": "max-age=90"}, "private, max-age=29"},
		"one says no":    {map[string]string{"catalog": "max-age=60", "reviews": "no-store", "stock": "max-age=90"}, "no-store"},
		"one is silent":  {map[string]string{"catalog": "max-age=60", "reviews": "max-age=30"}, "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := openCaching(t, test.controls)
			response := h.ask(t, "")
			got := strings.Replace(response.Header.Get("Cache-Control"), "max-age=30", "max-age=29", 1) // a second may have begun
			if got != test.want || response.Header.Get("ETag") == "" || !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("Cache-Control = %s, want %s; header %v", got, test.want, response.Header)
			}
			again := h.ask(t, response.Header.Get("ETag"))
			if body := readAll(t, again); again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != response.Header.Get("ETag") {
				t.Errorf("with its tag: %d, %q", again.StatusCode, body)
			}
			if other := h.ask(t, `W/"another"`); other.StatusCode != http.StatusOK {
				t.Errorf("with another tag: %d", other.StatusCode)
			}
			if asked := h.shop.Calls()["catalog"]; asked != 1 {
				t.Errorf("catalog was asked %d times", asked)
			}
		})
	}
}

// TestConditional: a client may have several tags, in one line or in more, weak or strong.
func TestConditional(t *testing.T) {
	t.Parallel()
	h, _ := openCaching(t, map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"})
	tag := h.ask(t, "").Header.Get("ETag")
	for name, test := range map[string]struct {
		tags []string
		want int
	}{
		"in a list":    {[]string{`"a", ` + tag + `, W/"b"`}, http.StatusNotModified},
		"second line":  {[]string{`"a"`, tag}, http.StatusNotModified},
		"strong":       {[]string{strings.TrimPrefix(tag, "W/")}, http.StatusNotModified},
		"any":          {[]string{"*"}, http.StatusNotModified},
		"none of them": {[]string{`"a", "b"`, `W/"c"`}, http.StatusOK},
		"not quoted":   {[]string{strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)}, http.StatusOK},
		"empty":        {[]string{`""`, ","}, http.StatusOK},
	} {
		response := h.askFor(t, "p-100", http.Header{"If-None-Match": test.tags})
		if body := readAll(t, response); response.StatusCode != test.want || (body == "") != (test.want == http.StatusNotModified) {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
}

// TestForwardedVary: a response that depends on a header of the client's says so, is that client's alone, and tells caches nothing
// twice.
func TestForwardedVary(t *testing.T) {
	t.Parallel()
	controls := map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"}
	h, _ := openEdited(t, controls, calls+"        forward_headers: [x-tenant, Accept-Language]\n")
	for _, header := range []http.Header{{}, {"X-Tenant": {"a"}}} {
		response := h.askFor(t, "p-100", header)
		vary := strings.Join(response.Header.Values("Vary"), ", ")
		if vary != "Accept-Language, X-Tenant, Accept-Encoding" || !strings.HasPrefix(response.Header.Get("Cache-Control"), "private") {
			t.Errorf("Vary: %s; Cache-Control: %s", vary, response.Header.Get("Cache-Control"))
		}
	}
}

// TestCookieNotShared: a response that sets a cookie is that client's alone.
func TestCookieNotShared(t *testing.T) {
	t.Parallel()
	controls := map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"}
	h, _ := openEdited(t, controls, "    response_headers: {Set-Cookie: answers.product.status, Vary: answers.product.status}\n"+calls)
	response := h.ask(t, "")
	if got := response.Header.Get("Cache-Control"); !strings.HasPrefix(got, "private") || response.Header.Get("Set-Cookie") == "" {
		t.Errorf("Cache-Control = %s, header %v", got, response.Header)
	}
	if got := strings.Join(response.Header.Values("Vary"), ", "); got != "200, Accept-Encoding" {
		t.Errorf("Vary = %s", got)
	}
}

// TestErrorNotKept: no cache keeps an error, though it may keep some statuses without being told (RFC 9110, section 15.1).
func TestErrorNotKept(t *testing.T) {
	t.Parallel()
	h, _ := openCaching(t, map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"})
	for product, status := range map[string]int{"p-none": http.StatusNotFound, "": http.StatusBadRequest} {
		response := h.askFor(t, product, http.Header{"If-None-Match": {"*"}})
		if response.StatusCode != status || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d, header %v", product, response.StatusCode, response.Header)
		}
	}
}

// TestCacheControlPost: what is no GET is for no cache, whatever upstreams allow.
func TestCacheControlPost(t *testing.T) {
	t.Parallel()
	h, _ := openCaching(t, map[string]string{"catalog": "max-age=60", "reviews": "max-age=60", "stock": "max-age=60"})
	response := post(t, h, getProduct, `{"productId": "p-100"}`)
	if body := readAll(t, response); response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("ETag") != "" {
		t.Errorf("header = %v, body = %s", response.Header, body)
	}
}

// TestStaleAnswer: what an upstream that is away has allowed is given on, and the report says how old it is.
func TestStaleAnswer(t *testing.T) {
	t.Parallel()
	h, down := openCaching(t, map[string]string{"catalog": "max-age=0, stale-if-error=600", "reviews": "max-age=60", "stock": "max-age=60"})
	if response, _ := viaPost(t, h, "p-100"); response.GetPartial() != nil {
		t.Fatalf("partial = %v", response.GetPartial())
	}
	down.Store(true)
	response, report := viaPost(t, h, "p-100")
	stale := response.GetPartial().GetStaleCalls()
	if len(stale) != 1 || stale[0].GetCall() != "product" || stale[0].GetAge() == nil || response.GetTitle() == "" {
		t.Errorf("response = %v", response)
	}
	contains(t, report, `"staleCalls":[{`, `"call":"product"`)
	if got := h.ask(t, "").Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %s", got)
	}
}
