// Package telemetry is for starting OpenTelemetry from the standard OTEL_* variables, and for logs that carry trace ids.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Telemetry holds what a process measures and traces with.
type Telemetry struct {
	Tracers trace.TracerProvider
	Meters  metric.MeterProvider
	// Metrics answers scrapes of Prometheus; nil unless that was asked for.
	Metrics http.Handler
	stops   []func(context.Context) error
}

// Option sets what else is started.
type Option func(*options)

type options struct{ scraped bool }

// WithScraping makes Metrics, beside what the environment says about metrics.
func WithScraping() Option { return func(o *options) { o.scraped = true } }

// Propagator carries trace context to upstreams and from clients (W3C Trace Context). Baggage is left out on purpose:
// nothing of a client's crosses the boundary undeclared.
func Propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }

// Start reads OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER. Without any exporter or endpoint nothing is exported: a first start on
// a laptop must not complain about a collector that is not there.
func Start(ctx context.Context, version string, with ...Option) (*Telemetry, error) {
	var wanted options
	for _, option := range with {
		option(&wanted)
	}
	t := &Telemetry{Tracers: tracenoop.NewTracerProvider(), Meters: metricnoop.NewMeterProvider()}
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return t, nil
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("sheaf"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("start telemetry: describe this process: %w", err)
	}
	if err := errors.Join(t.startTraces(ctx, about), t.startMetrics(ctx, about, wanted.scraped)); err != nil {
		return nil, errors.Join(fmt.Errorf("start telemetry: %w", err), t.Stop(ctx))
	}
	return t, nil
}

func (t *Telemetry) startTraces(ctx context.Context, about *resource.Resource) error {
	if !configured("TRACES") {
		return nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("create span exporter %q: %w", os.Getenv("OTEL_TRACES_EXPORTER"), err)
	}
	provided := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	if !autoexport.IsNoneSpanExporter(exporter) { // without one, logs still have trace ids, and upstreams get them
		provided = append(provided, sdktrace.WithBatcher(exporter))
	}
	provider := sdktrace.NewTracerProvider(provided...)
	t.Tracers, t.stops = provider, append(t.stops, provider.Shutdown)
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, about *resource.Resource, scraped bool) error {
	provided := []sdkmetric.Option{sdkmetric.WithResource(about)}
	if configured("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return fmt.Errorf("create metric exporter %q: %w", os.Getenv("OTEL_METRICS_EXPORTER"), err)
		}
		if !autoexport.IsNoneMetricReader(reader) { // which nobody would read, and everything would be measured for
			provided = append(provided, sdkmetric.WithReader(reader))
		}
	}
	if scraped {
		reader, handler, err := newScraping()
		if err != nil {
			return err
		}
		t.Metrics, provided = handler, append(provided, sdkmetric.WithReader(reader))
	}
	if len(provided) > 1 {
		provider := sdkmetric.NewMeterProvider(provided...)
		t.Meters, t.stops = provider, append(t.stops, provider.Shutdown)
	}
	return nil
}

// configured reports whether the environment says where a signal goes.
func configured(signal string) bool {
	for _, name := range []string{
		"OTEL_" + signal + "_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// Stop exports what is still to be exported, and ends. It may be called once.
func (t *Telemetry) Stop(ctx context.Context) error {
	var failed []error
	for _, stop := range t.stops {
		failed = append(failed, stop(ctx))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("stop telemetry: %w", err)
	}
	return nil
}
