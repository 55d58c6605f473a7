package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/edge"
)

// BenchmarkEdge is what one request costs before and around its RPC: behind a proxy, from a page, and with a timer at its body.
func BenchmarkEdge(b *testing.B) {
	made, err := edge.NewOrigins(edge.CORS{Origins: []string{"https://shop.example"}, MaxAge: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	rules := edge.Rules{Proxies: proxies("192.0.2.0/24"), Origins: made}
	handler := edge.Patience{Look: time.Minute, Least: 1, Answer: time.Hour}.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 16))
	}))
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	request.Header.Set("Origin", "https://shop.example")
	request.Header.Set("X-Forwarded-For", "203.0.113.1, 192.0.2.9")
	b.ReportAllocs()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, rules.Admit(recorder, request))
	}
}
