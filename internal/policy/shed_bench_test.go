package policy_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// BenchmarkGateRefuses is what refusing an RPC costs: it has to be little, since it is done most when there is no time.
func BenchmarkGateRefuses(b *testing.B) {
	gate := policy.NewGate(ignore)
	var refusing http.Handler
	inside := gate.Handler(1, 1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for _, contentType := range []string{"application/json", "application/grpc"} {
			b.Run(contentType, func(b *testing.B) {
				b.ReportAllocs()
				request := httptest.NewRequest(http.MethodPost, procedure, strings.NewReader("{}"))
				request.Header.Set("Content-Type", contentType)
				for b.Loop() {
					refusing.ServeHTTP(httptest.NewRecorder(), request)
				}
			})
		}
	}))
	refusing = inside
	inside.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, procedure, nil))
}
