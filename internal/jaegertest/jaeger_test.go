//go:build jaeger

package jaegertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// jaeger is a running Jaeger all-in-one.
type jaeger struct {
	otlp, query string
}

// start starts Jaeger with every port of its own, and ends it with the test.
func start(t *testing.T) jaeger {
	t.Helper()
	binary := os.Getenv("JAEGER")
	if binary == "" {
		t.Fatal("JAEGER does not name the program; run make jaeger")
	}
	var ports []string
	for range 7 {
		ports = append(ports, freeAddress(t))
	}
	command := exec.Command(binary,
		"--collector.otlp.grpc.host-port", ports[0], "--collector.otlp.http.host-port", ports[1],
		"--query.http-server.host-port", ports[2], "--query.grpc-server.host-port", ports[3],
		"--collector.http-server.host-port", ports[4], "--collector.grpc-server.host-port", ports[5],
		"--admin.http.host-port", ports[6],
	)
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("Jaeger said:\n%s", output.String())
		}
	})
	return jaeger{otlp: "http://" + ports[1], query: "http://" + ports[2]}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// poll calls f until it reports true, and fails the test if that takes too long.
func poll(t *testing.T, what string, f func(ctx context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !f(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("waited too long for %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// read reads a page of Jaeger's HTTP API, and reports whether it could.
func read(ctx context.Context, url string, into any) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK && json.NewDecoder(response.Body).Decode(into) == nil
}

// trace is a trace as Jaeger's HTTP API has it.
type trace struct {
	Spans []span `json:"spans"`
}

type span struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	References    []struct {
		RefType string `json:"refType"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	Tags []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"tags"`
}

func (s span) tag(key string) string {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return fmt.Sprint(tag.Value)
		}
	}
	return ""
}

func TestSpansInJaeger(t *testing.T) {
	to := start(t)
	poll(t, "Jaeger", func(ctx context.Context) bool { return read(ctx, to.query+"/api/services", &struct{}{}) })
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.otlp)
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_SERVICE_NAME", "storefront")
	callOnce(t)

	var found struct {
		Data []trace `json:"data"`
	}
	poll(t, "the trace", func(ctx context.Context) bool {
		return read(ctx, to.query+"/api/traces?service=storefront", &found) && len(found.Data) == 1 && len(found.Data[0].Spans) == 4
	})
	checkTrace(t, found.Data[0])
}

// callOnce runs GetProduct with a stock service that is broken, and exports its spans.
func callOnce(t *testing.T) {
	t.Helper()
	started, err := telemetry.Start(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	shop := pretend.NewShop()
	shop.Break("stock", http.StatusServiceUnavailable)
	upstreams, err := shop.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer upstreams.Close()
	server, err := bff.Open("../../examples/storefront", bff.WithLookupEnv(upstreams.LookupEnv), bff.WithTracerProvider(started.Tracers))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	front := httptest.NewServer(server.Handler())
	defer front.Close()
	response, err := http.Post(front.URL+"/shop.v1.StorefrontService/GetProduct", "application/json", strings.NewReader(`{"productId": "p-100"}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status = %d", response.StatusCode)
	}
	if err := started.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func checkTrace(t *testing.T, found trace) {
	t.Helper()
	byName := map[string]span{}
	for _, span := range found.Spans {
		byName[span.OperationName] = span
	}
	parent, ok := byName["shop.v1.StorefrontService/GetProduct"]
	if !ok || parent.tag("span.kind") != "server" {
		t.Fatalf("no server span of the RPC among %v", found.Spans)
	}
	for name, status := range map[string]string{
		"GET /v2/products/{request.product_id}":            "200",
		"GET /products/{request.product_id}/reviews":       "200",
		"GET /levels/{product.warehouse.id}/{product.sku}": "503",
	} {
		span, ok := byName[name]
		if !ok || len(span.References) != 1 || span.References[0].SpanID != parent.SpanID {
			t.Errorf("no child span %q", name)
			continue
		}
		if span.tag("span.kind") != "client" || span.tag("http.request.method") != "GET" || span.tag("http.response.status_code") != status {
			t.Errorf("span %q = %v", name, span.Tags)
		}
		if failed := status == "503"; failed != (span.tag("error") == "true") {
			t.Errorf("span %q: error = %q", name, span.tag("error"))
		}
	}
}
