package hand_test

import (
	"encoding/json"
	"net"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
	"github.com/sheaf-rpc/sheaf/bench/gen/bench/v1/benchv1connect"
	"github.com/sheaf-rpc/sheaf/bench/internal/hand"
	"github.com/sheaf-rpc/sheaf/bench/internal/token"
)

// TestGuarded: who has no valid token is refused, a wrong request is, too, and a right one is traced with its calls.
func TestGuarded(t *testing.T) {
	t.Parallel()
	address := startServices(t)
	recorded := tracetest.NewSpanRecorder()
	handler, err := hand.NewGuardedHandler(t.Context(), "http://"+address, "http://"+address+"/jwks", json.Unmarshal,
		sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorded)))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(handler)
	t.Cleanup(front.Close)
	client := benchv1connect.NewShopServiceClient(front.Client(), front.URL)
	valid := token.New()
	for _, test := range []struct {
		name, authorization, id string
		want                    connect.Code // 0 for an answer
	}{
		{"no token", "", "p-100", connect.CodeUnauthenticated},
		{"another's signature", "Bearer " + valid[:len(valid)-8] + "AAAAAAAA", "p-100", connect.CodeUnauthenticated},
		{"no token at all", "Bearer x", "p-100", connect.CodeUnauthenticated},
		{"wrong request", "Bearer " + valid, "", connect.CodeInvalidArgument},
		{"right", "Bearer " + valid, "p-100", 0},
		{"right, and known", "Bearer " + valid, "p-100", 0},
	} {
		request := connect.NewRequest(&benchv1.GetProductRequest{ProductId: test.id})
		request.Header().Set("Authorization", test.authorization)
		_, err := client.GetProduct(t.Context(), request)
		if test.want == 0 && err != nil || test.want != 0 && connect.CodeOf(err) != test.want {
			t.Errorf("%s: error %v, want code %v", test.name, err, test.want)
		}
	}
	const rpcs, calls = 3, 2 * 3 // one RPC was refused before it made calls
	if got := len(recorded.Ended()); got != rpcs+calls {
		t.Errorf("%d spans, want %d", got, rpcs+calls)
	}
}

// TestGuardedWithoutKeys: a handler that cannot verify tokens is none.
func TestGuardedWithoutKeys(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tracers := sdktrace.NewTracerProvider()
	if _, err := hand.NewGuardedHandler(t.Context(), "http://"+address, "http://"+address+"/jwks", json.Unmarshal, tracers); err == nil {
		t.Error("no keys, and no error")
	}
}
