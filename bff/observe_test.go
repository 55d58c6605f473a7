package bff_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/bff"
	shopv1 "github.com/sheaf-rpc/sheaf/gen/shop/v1"
	"github.com/sheaf-rpc/sheaf/gen/shop/v1/shopv1connect"
)

// TestObserved: an RPC is a span and a measurement by OpenTelemetry's conventions, by either protocol and whatever comes of it.
func TestObserved(t *testing.T) {
	t.Parallel()
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	tracers := trace.NewTracerProvider(trace.WithSyncer(spans))
	h := openHouse(t, bff.WithTracerProvider(tracers), bff.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	ctx := withDeadline(t)
	get := func(client *http.Client, id string, options ...connect.ClientOption) {
		_, err := shopv1connect.NewStorefrontServiceClient(client, h.url, options...).GetProduct(ctx, connect.NewRequest(&shopv1.GetProductRequest{ProductId: id}))
		if code := connect.CodeOf(err); err != nil && code != connect.CodeInvalidArgument && code != connect.CodeInternal {
			t.Error(err)
		}
	}
	get(h.http1, "p-100")
	get(h.h2c, "p-100", connect.WithGRPC())
	get(h.http1, "")
	h.shop.Break("catalog", http.StatusInternalServerError)
	get(h.http1, "p-100")

	const name = "shop.v1.StorefrontService/GetProduct"
	want := []string{
		"rpc.method=" + name + " rpc.response.status_code=OK rpc.system.name=connectrpc",
		"rpc.method=" + name + " rpc.response.status_code=OK rpc.system.name=grpc",
		"error.type=INVALID_ARGUMENT rpc.method=" + name + " rpc.response.status_code=INVALID_ARGUMENT rpc.system.name=connectrpc",
		"error.type=INTERNAL rpc.method=" + name + " rpc.response.status_code=INTERNAL rpc.system.name=connectrpc",
	}
	var told []string
	for _, span := range spans.GetSpans() {
		if span.Name != name {
			continue
		}
		var attributes []string
		for _, one := range span.Attributes {
			if key := string(one.Key); strings.HasPrefix(key, "rpc.") || key == "error.type" {
				attributes = append(attributes, key+"="+one.Value.String())
			}
		}
		slices.Sort(attributes)
		told = append(told, strings.Join(attributes, " "))
		if failed := strings.Contains(told[len(told)-1], "INTERNAL"); failed != (span.Status.Code == codes.Error) || span.SpanKind != oteltrace.SpanKindServer {
			t.Errorf("%v is %v, %v", told[len(told)-1], span.Status, span.SpanKind)
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("spans tell of %q", told)
	}
	slices.Sort(want)
	if got := measuredBy(t, reader, "rpc.server.call.duration"); !slices.Equal(got, want) {
		t.Errorf("it is measured by %q", got)
	}
}

// measuredBy are the attributes that each row of a histogram has, sorted.
func measuredBy(t *testing.T, reader *metric.ManualReader, name string) (rows []string) {
	t.Helper()
	var measured metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &measured); err != nil {
		t.Fatal(err)
	}
	for _, scope := range measured.ScopeMetrics {
		for _, one := range scope.Metrics {
			histogram, ok := one.Data.(metricdata.Histogram[float64])
			if !ok || one.Name != name {
				continue
			}
			for _, point := range histogram.DataPoints {
				var attributes []string
				for _, attribute := range point.Attributes.ToSlice() {
					attributes = append(attributes, string(attribute.Key)+"="+attribute.Value.String())
				}
				rows = append(rows, strings.Join(attributes, " "))
			}
		}
	}
	slices.Sort(rows)
	return rows
}
