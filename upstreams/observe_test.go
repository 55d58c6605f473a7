package upstreams_test

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// TestSpanWithin: whether a call gets a span follows from the span around it, and the upstream is told of the innermost one.
func TestSpanWithin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sampler              sdktrace.Sampler // of the span around the call; nil for none
		hasEnded, fromClient bool
		spans                int
	}{
		"none":         {spans: 1},
		"sampled":      {sampler: sdktrace.AlwaysSample(), spans: 1},
		"ended":        {sampler: sdktrace.AlwaysSample(), hasEnded: true, spans: 1},
		"dropped":      {sampler: sdktrace.NeverSample(), spans: 0},
		"the client's": {sampler: sdktrace.AlwaysSample(), fromClient: true, spans: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans, told := tracetest.NewInMemoryExporter(), make(chan http.Header, 1)
			client := open(t, func(_ http.ResponseWriter, r *http.Request) { told <- r.Header }, func(config *upstreams.Config) {
				config.TracerProvider, config.Propagator = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), propagation.TraceContext{}
			})
			ctx := t.Context()
			if test.sampler != nil {
				around, span := sdktrace.NewTracerProvider(sdktrace.WithSampler(test.sampler)).Tracer("").Start(ctx, "RPC")
				defer span.End()
				ctx = around
				if test.hasEnded {
					span.End()
				}
				if test.fromClient {
					ctx = trace.ContextWithRemoteSpanContext(t.Context(), span.SpanContext())
				}
			}
			if _, err := client.Do(ctx, get("/things/1")); err != nil {
				t.Fatal(err)
			}
			got := spans.GetSpans()
			if len(got) != test.spans {
				t.Fatalf("%d spans, want %d", len(got), test.spans)
			}
			want := trace.SpanContextFromContext(ctx)
			if len(got) > 0 {
				want = got[0].SpanContext
			}
			header := propagation.HeaderCarrier(<-told)
			if parent := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), header)); parent.SpanID() != want.SpanID() {
				t.Errorf("traceparent is %q, want the span %s", header.Get("traceparent"), want.SpanID())
			}
		})
	}
}
