package telemetry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// TestLogger: a line within a span carries its ids, and one outside does not.
func TestLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := telemetry.NewLogger(&out, slog.LevelInfo).With("a", 1).WithGroup("g")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	logger.InfoContext(trace.ContextWithSpanContext(t.Context(), span), "inside")
	var inside map[string]any
	if err := json.Unmarshal(out.Bytes(), &inside); err != nil {
		t.Fatal(err)
	}
	group, _ := inside["g"].(map[string]any)
	if group["trace_id"] != "01000000000000000000000000000000" || group["span_id"] != "0200000000000000" {
		t.Errorf("line = %s", out.String())
	}
	out.Reset()
	logger.Info("outside")
	if bytes.Contains(out.Bytes(), []byte("trace_id")) {
		t.Errorf("line = %s", out.String())
	}
}

func TestStartWithoutEnvironment(t *testing.T) {
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		t.Setenv(name, "")
	}
	started, err := telemetry.Start(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, span := started.Tracers.Tracer("x").Start(t.Context(), "y"); span.IsRecording() {
		t.Error("a span is recorded although nothing is exported")
	}
	if err := started.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestExporterNone: what nobody exports costs nothing, but calls still have trace ids.
func TestExporterNone(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	started, err := telemetry.Start(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	histogram, err := started.Meters.Meter("test").Float64Histogram("test.histogram")
	if err != nil {
		t.Fatal(err)
	}
	if histogram.Enabled(t.Context()) {
		t.Error("what is measured is kept, and nobody reads it")
	}
	if _, span := started.Tracers.Tracer("x").Start(t.Context(), "y"); !span.SpanContext().IsValid() {
		t.Error("a span has no ids")
	}
	if err := started.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStartRefusesUnknownExporter(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "nowhere")
	if _, err := telemetry.Start(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("error = %v, want one that names the exporter", err)
	}
}

// TestScrapingBesideExport: what is measured goes to both, a collector and scrapes.
func TestScrapingBesideExport(t *testing.T) {
	var exported atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); bytes.Contains(body, []byte("test.counter")) {
			exported.Add(1)
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	started, err := telemetry.Start(t.Context(), "test", telemetry.WithScraping())
	if err != nil {
		t.Fatal(err)
	}
	counter, err := started.Meters.Meter("test").Int64Counter("test.counter")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 7)
	scraped := httptest.NewRecorder()
	started.Metrics.ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if body := scraped.Body.String(); !strings.Contains(body, "test_counter_total{") || !strings.Contains(body, "} 7\n") {
		t.Errorf("scraped:\n%s", body)
	}
	if err := started.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if exported.Load() == 0 {
		t.Error("nothing was exported")
	}
}
