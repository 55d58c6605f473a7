package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
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

func TestStartRefusesUnknownExporter(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "nowhere")
	if _, err := telemetry.Start(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("error = %v, want one that names the exporter", err)
	}
}
