package edge_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/edge"
)

func origins(t *testing.T, config edge.CORS) *edge.Origins {
	t.Helper()
	made, err := edge.NewOrigins(config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// browse sends what a browser does from a page of an origin, and says what comes of it as the Fetch standard does (sections 3.3.3 and
// 4.9): blocked, sent, or readable, if the page may see the answer.
func browse(t *testing.T, rules edge.Rules, origin, method string, headers []string, credentials bool) string {
	t.Helper()
	isSimple := method == http.MethodGet || method == http.MethodHead || method == http.MethodPost
	if !isSimple || len(headers) > 0 {
		preflight := httptest.NewRequest(http.MethodOptions, "/", nil)
		preflight.Header.Set("Origin", origin)
		preflight.Header.Set("Access-Control-Request-Method", method)
		if len(headers) > 0 {
			preflight.Header.Set("Access-Control-Request-Headers", strings.ToLower(strings.Join(slices.Sorted(slices.Values(headers)), ",")))
		}
		recorder := httptest.NewRecorder()
		if rules.Admit(recorder, preflight) != nil {
			return "blocked" // it is an OPTIONS like any other, and refused behind
		}
		header := recorder.Header()
		named := func(list, name string) bool {
			return slices.ContainsFunc(strings.Split(header.Get(list), ", "), func(one string) bool { return strings.EqualFold(one, name) })
		}
		if recorder.Code/100 != 2 || !isShared(header, origin, credentials) || !isSimple && !named("Access-Control-Allow-Methods", method) {
			return "blocked"
		}
		for _, name := range headers {
			if !named("Access-Control-Allow-Headers", name) {
				return "blocked"
			}
		}
	}
	request := httptest.NewRequest(method, "/", nil)
	request.Header.Set("Origin", origin)
	recorder := httptest.NewRecorder()
	if rules.Admit(recorder, request) == nil || !isShared(recorder.Header(), origin, credentials) {
		return "sent"
	}
	return "readable"
}

func isShared(header http.Header, origin string, credentials bool) bool {
	allowed := header["Access-Control-Allow-Origin"]
	if len(allowed) != 1 || credentials && (allowed[0] == "*" || header.Get("Access-Control-Allow-Credentials") != "true") {
		return false
	}
	return allowed[0] == "*" || allowed[0] == origin
}

// TestBrowsers: who may call from where, as browsers see it.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	connectPost := []string{"Content-Type", "Connect-Protocol-Version", "Connect-Timeout-Ms", "Authorization", "Idempotency-Key", "Traceparent"}
	web := []string{"Content-Type", "X-Grpc-Web", "X-User-Agent", "Grpc-Timeout"}
	more := []string{"Authorization", "Idempotency-Key", "Traceparent"}
	listed := edge.CORS{Origins: []string{"https://shop.example", "http://localhost:3000"}, Headers: append(more, "X-Tenant"), MaxAge: time.Hour}
	withCredentials := listed
	withCredentials.Credentials = true
	all := edge.CORS{Origins: []string{"*"}, Headers: more}
	rules := map[string]edge.Rules{
		"none": {}, "listed": {Origins: origins(t, listed)}, "credentials": {Origins: origins(t, withCredentials)}, "all": {Origins: origins(t, all)},
	}
	for _, test := range []struct {
		rules, origin, method string
		headers               []string
		credentials           bool
		want                  string
	}{
		{"none", "https://shop.example", "POST", connectPost, false, "blocked"},
		{"none", "https://shop.example", "GET", nil, false, "sent"},
		{"none", "https://shop.example", "POST", nil, false, "sent"}, // text/plain: refused behind, with 415
		{"listed", "https://shop.example", "POST", connectPost, false, "readable"},
		{"listed", "https://shop.example", "POST", web, false, "readable"},
		{"listed", "http://localhost:3000", "POST", connectPost, false, "readable"},
		{"listed", "https://shop.example", "GET", nil, false, "readable"},
		{"listed", "https://shop.example", "GET", []string{"Authorization", "X-Tenant"}, false, "readable"},
		{"listed", "https://shop.example", "POST", []string{"X-Other"}, false, "blocked"},
		{"listed", "https://shop.example", "DELETE", nil, false, "blocked"},
		{"listed", "https://shop.example", "GET", nil, true, "sent"},
		{"listed", "https://shop.example", "POST", connectPost, true, "blocked"},
		{"listed", "https://shop.example.evil.example", "POST", connectPost, false, "blocked"},
		{"listed", "https://evil.example", "GET", nil, false, "sent"},
		{"listed", "http://shop.example", "POST", connectPost, false, "blocked"},
		{"listed", "https://shop.example:8443", "POST", connectPost, false, "blocked"},
		{"listed", "https://SHOP.example", "POST", connectPost, false, "blocked"},
		{"listed", "null", "POST", connectPost, false, "blocked"},
		{"credentials", "https://shop.example", "POST", connectPost, true, "readable"},
		{"credentials", "https://evil.example", "POST", connectPost, true, "blocked"},
		{"credentials", "https://evil.example", "GET", nil, true, "sent"},
		{"all", "https://anybody.example", "POST", connectPost, false, "readable"},
		{"all", "null", "GET", nil, false, "readable"},
		{"all", "https://anybody.example", "POST", connectPost, true, "blocked"},
		{"all", "https://anybody.example", "GET", nil, true, "sent"},
	} {
		if got := browse(t, rules[test.rules], test.origin, test.method, test.headers, test.credentials); got != test.want {
			t.Errorf("%s: %s %s %v, credentials %v: %s, want %s", test.rules, test.origin, test.method, test.headers, test.credentials, got, test.want)
		}
	}
}

// TestVary: what is kept is not given to another origin, where it depends on that; also if the first request had none.
func TestVary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rules edge.Rules
		want  string
	}{
		"none":   {edge.Rules{}, ""},
		"listed": {edge.Rules{Origins: origins(t, edge.CORS{Origins: []string{"https://shop.example"}})}, "Origin"},
		"all":    {edge.Rules{Origins: origins(t, edge.CORS{Origins: []string{"*"}})}, ""},
	} {
		recorder := httptest.NewRecorder()
		test.rules.Admit(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := recorder.Header().Get("Vary"); got != test.want {
			t.Errorf("%s: Vary = %q", name, got)
		}
	}
}

// TestCertificatesOfOthers: a page of another origin does not act for the holder of a certificate, unless it may send it along.
func TestCertificatesOfOthers(t *testing.T) {
	t.Parallel()
	listed := origins(t, edge.CORS{Origins: []string{"https://shop.example"}})
	trusted := origins(t, edge.CORS{Origins: []string{"https://shop.example"}, Credentials: true})
	certificate := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	for name, test := range map[string]struct {
		origins       *edge.Origins
		tls           *tls.ConnectionState
		method        string
		origin, fetch string // Origin and Sec-Fetch-Site
		admitted      bool
	}{
		"no browser":            {nil, certificate, "POST", "", "", true},
		"same origin":           {nil, certificate, "POST", "https://example.com", "same-origin", true},
		"same origin, old":      {nil, certificate, "POST", "https://example.com", "", true},
		"typed in":              {nil, certificate, "POST", "", "none", true},
		"another site":          {nil, certificate, "POST", "https://evil.example", "cross-site", false},
		"another site, old":     {nil, certificate, "POST", "https://evil.example", "", false},
		"same site":             {nil, certificate, "POST", "https://other.example.com", "same-site", false},
		"hidden origin":         {nil, certificate, "POST", "null", "cross-site", false},
		"reading":               {nil, certificate, "GET", "https://evil.example", "cross-site", true},
		"no certificate":        {nil, &tls.ConnectionState{}, "POST", "https://evil.example", "cross-site", true},
		"clear text":            {nil, nil, "POST", "https://evil.example", "cross-site", true},
		"listed":                {listed, certificate, "POST", "https://shop.example", "cross-site", false},
		"with credentials":      {trusted, certificate, "POST", "https://shop.example", "cross-site", true},
		"not among those":       {trusted, certificate, "POST", "https://evil.example", "cross-site", false},
		"not among those, http": {trusted, certificate, "POST", "http://shop.example", "cross-site", false},
	} {
		request := httptest.NewRequest(test.method, "https://example.com/", nil)
		request.TLS = test.tls
		for name, value := range map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.fetch} {
			if value != "" {
				request.Header.Set(name, value)
			}
		}
		recorder := httptest.NewRecorder()
		rules := edge.Rules{Origins: test.origins}
		if admitted := rules.Admit(recorder, request) != nil; admitted != test.admitted || !admitted && recorder.Code != http.StatusForbidden {
			t.Errorf("%s: admitted %v, status %d", name, admitted, recorder.Code)
		}
	}
}

// TestHeaders: what every answer tells browsers, one that is refused included.
func TestHeaders(t *testing.T) {
	t.Parallel()
	rules := edge.Rules{Proxies: proxies("192.0.2.0/24")}
	for name, test := range map[string]struct {
		method         string
		tls            *tls.ConnectionState
		forwarded      string
		status         int
		store, transit string
	}{
		"post":     {http.MethodPost, nil, "", http.StatusOK, "no-store", ""},
		"get":      {http.MethodGet, &tls.ConnectionState{}, "", http.StatusOK, "", "max-age=31536000"},
		"refused":  {http.MethodPost, nil, "what?", http.StatusBadRequest, "no-store", ""},
		"behind":   {http.MethodPost, nil, "198.51.100.7", http.StatusOK, "no-store", ""},
		"over TLS": {http.MethodPost, &tls.ConnectionState{}, "", http.StatusOK, "no-store", "max-age=31536000"},
	} {
		request := httptest.NewRequest(test.method, "/", nil)
		request.TLS = test.tls
		if test.forwarded != "" {
			request.Header.Set("X-Forwarded-For", test.forwarded)
		}
		recorder := httptest.NewRecorder()
		admitted := rules.Admit(recorder, request)
		header := recorder.Header()
		if recorder.Code != test.status || (admitted != nil) != (test.status == http.StatusOK) {
			t.Errorf("%s: status %d", name, recorder.Code)
		}
		if test.forwarded == "198.51.100.7" && (admitted.RemoteAddr != "198.51.100.7:0" || request.RemoteAddr == admitted.RemoteAddr) {
			t.Errorf("%s: address %s", name, admitted.RemoteAddr)
		}
		if header.Get("Cache-Control") != test.store || header.Get("Strict-Transport-Security") != test.transit ||
			header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" ||
			header.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" ||
			header.Get("Cross-Origin-Resource-Policy") != "same-origin" || header.Get("Server") != "" {
			t.Errorf("%s: header = %v", name, header)
		}
	}
}
