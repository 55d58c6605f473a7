package bff_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"connectrpc.com/connect"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/bff"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// collector is an OTLP receiver.
type collector struct {
	mu    sync.Mutex
	spans []*tracepb.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collectorpb.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

func (c *collector) named(name string) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if span.GetName() == name {
			return span
		}
	}
	return nil
}

// TestTraces runs an RPC whose stock call fails, exports over OTLP as the environment says, and looks at every span.
func TestTraces(t *testing.T) { //nolint:paralleltest // it sets the environment
	received := &collector{}
	receiver := httptest.NewServer(received)
	t.Cleanup(receiver.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.URL+"/v1/traces")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	started, err := telemetry.Start(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, bff.WithTracerProvider(started.Tracers))
	h.shop.Break("stock", http.StatusInternalServerError)
	client := shopv1connect.NewStorefrontServiceClient(h.http1, h.url)
	request := connect.NewRequest(&shopv1.GetProductRequest{ProductId: "p-100"})
	request.Header().Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if _, err := client.GetProduct(withDeadline(t), request); err != nil {
		t.Fatal(err)
	}
	if err := started.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	parent := received.named("shop.v1.StorefrontService/GetProduct")
	if parent == nil {
		t.Fatalf("no span of the RPC among %v", received.spans)
	}
	if parent.GetKind() != tracepb.Span_SPAN_KIND_SERVER || attribute(parent, "rpc.method") == "" || attribute(parent, "sheaf.partial") != "true" {
		t.Errorf("span of the RPC = %v", parent)
	}
	const traceID = "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c"
	if string(parent.GetTraceId()) != traceID {
		t.Errorf("trace id = %x, want the client's", parent.GetTraceId())
	}
	for call, want := range map[string]struct{ name, status string }{
		"product": {"GET /v2/products/{request.product_id}", "200"},
		"reviews": {"GET /products/{request.product_id}/reviews", "200"},
		"stock":   {"GET /levels/{product.warehouse.id}/{product.sku}", "500"},
	} {
		span := received.named(want.name)
		if span == nil {
			t.Errorf("no span %q", want.name)
			continue
		}
		checkCallSpan(t, span, parent, call, want.status)
	}
}

func checkCallSpan(t *testing.T, span, parent *tracepb.Span, call, status string) {
	t.Helper()
	if string(span.GetParentSpanId()) != string(parent.GetSpanId()) || string(span.GetTraceId()) != string(parent.GetTraceId()) {
		t.Errorf("span %q is no child of the RPC's", span.GetName())
	}
	if span.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("span %q has kind %v", span.GetName(), span.GetKind())
	}
	for key, want := range map[string]string{
		"http.request.method": "GET", "http.response.status_code": status, "sheaf.call": call, "server.address": "127.0.0.1",
	} {
		if got := attribute(span, key); got != want {
			t.Errorf("span %q: %s = %q, want %q", span.GetName(), key, got, want)
		}
	}
	failed := status == "500"
	if got := span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR; got != failed {
		t.Errorf("span %q: marked as error = %v, want %v", span.GetName(), got, failed)
	}
	if failed && attribute(span, "error.type") != "500" {
		t.Errorf("span %q: error.type = %q", span.GetName(), attribute(span, "error.type"))
	}
}

// attribute is an attribute's value as text, or "".
func attribute(span *tracepb.Span, key string) string {
	for _, one := range span.GetAttributes() {
		if one.GetKey() != key {
			continue
		}
		switch value := one.GetValue(); {
		case value.GetStringValue() != "":
			return value.GetStringValue()
		case value.GetBoolValue():
			return "true"
		default:
			return strconv.FormatInt(value.GetIntValue(), 10)
		}
	}
	return ""
}
