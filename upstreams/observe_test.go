package upstreams

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// TestTraced: a call has a span where its trace is kept, also if the span around it has ended, such as that of a call which was given an old
// answer while a new one is fetched.
func TestTraced(t *testing.T) {
	t.Parallel()
	root := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled}
	unsampled := root
	unsampled.TraceFlags = 0
	for name, test := range map[string]struct {
		around func(context.Context, trace.Tracer) context.Context
		want   int
	}{
		"none": {func(ctx context.Context, _ trace.Tracer) context.Context { return ctx }, 1},
		"under way": {func(ctx context.Context, tracer trace.Tracer) context.Context {
			ctx, around := tracer.Start(ctx, "around")
			t.Cleanup(func() { around.End() })
			return ctx
		}, 1},
		"ended": {func(ctx context.Context, tracer trace.Tracer) context.Context {
			ctx, around := tracer.Start(ctx, "around")
			around.End()
			return ctx
		}, 2},
		"sampled elsewhere": {func(ctx context.Context, _ trace.Tracer) context.Context {
			return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(root))
		}, 1},
		"not sampled elsewhere": {func(ctx context.Context, _ trace.Tracer) context.Context {
			return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(unsampled))
		}, 0},
		"not sampled here": {func(ctx context.Context, _ trace.Tracer) context.Context {
			return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(unsampled))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := tracetest.NewInMemoryExporter()
			tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
			client, err := New(Config{Name: "things", BaseURL: "http://things", TracerProvider: tracers})
			if err != nil {
				t.Fatal(err)
			}
			base, err := client.baseFor("")
			if err != nil {
				t.Fatal(err)
			}
			_, span := base.observer.start(test.around(t.Context(), tracers.Tracer("test")), asking("/things/1").Request)
			span.end(&Answer{Status: 200}, nil)
			if got := len(spans.GetSpans()); got != test.want {
				t.Errorf("%d spans, want %d", got, test.want)
			}
		})
	}
}
