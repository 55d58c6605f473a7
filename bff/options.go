package bff

import (
	"log/slog"
	"net/http"
	"os"

	"cel.dev/cel-go/cel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// Option sets how a Server does what its project says.
type Option func(*settings)

type settings struct {
	lookupEnv func(string) (string, bool)
	logger    *slog.Logger
	tracers   trace.TracerProvider
	meters    metric.MeterProvider
	metrics   http.Handler // nil for none

	functions   map[string]*function
	expressions []cel.EnvOption
}

func newSettings(options []Option) settings {
	s := settings{
		lookupEnv: os.LookupEnv, logger: slog.Default(),
		tracers: tracenoop.NewTracerProvider(), meters: metricnoop.NewMeterProvider(), functions: map[string]*function{},
	}
	for _, option := range options {
		option(&s)
	}
	return s
}

// compile compiles a project; offline, variables of the environment need not be set.
func (s *settings) compile(dir string, offline bool) (*plan.Plan, error) {
	return compile.Dir(dir, source.Options{LookupEnv: s.lookupEnv, AllowUnsetEnv: offline}, s.extensions())
}

// WithLookupEnv reads environment variables from elsewhere than the process's environment.
func WithLookupEnv(lookup func(name string) (string, bool)) Option {
	return func(s *settings) { s.lookupEnv = lookup }
}

// WithLogger logs there instead of to slog.Default.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithTracerProvider makes spans with provider; by default there are none.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = provider }
}

// WithMeterProvider measures with provider; by default nothing is measured.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(s *settings) { s.meters = provider }
}

// WithMetrics answers GET /metrics of the admin API's listener with a handler, for those who have a token for it; by default nothing does.
func WithMetrics(handler http.Handler) Option {
	return func(s *settings) { s.metrics = handler }
}
