package hand

import (
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"connectrpc.com/validate"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
)

// NewGuardedHandler is NewHandler with what `sheaf` does beside: callers prove who they are with a token of the issuer whose keys are at a
// URL, may read, and have a limit; requests are validated, and RPCs and calls are traced.
func NewGuardedHandler(ctx context.Context, baseURL, keys string, decode Decode, tracers trace.TracerProvider) (http.Handler, error) {
	client := serving.NewClient()
	door, err := newDoor(ctx, client, keys)
	if err != nil {
		return nil, err
	}
	tracing, err := otelconnect.NewInterceptor(otelconnect.WithTracerProvider(tracers), otelconnect.WithoutMetrics(),
		otelconnect.WithPropagator(propagation.TraceContext{}), otelconnect.WithTrustRemote())
	if err != nil {
		return nil, fmt.Errorf("make tracing interceptor: %w", err)
	}
	client.Transport = otelhttp.NewTransport(client.Transport, otelhttp.WithTracerProvider(tracers),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()), otelhttp.WithPropagators(propagation.TraceContext{}))
	return door.handler(newHandler(baseURL, client, decode, connect.WithInterceptors(tracing, validate.NewInterceptor()))), nil
}
