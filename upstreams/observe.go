package upstreams

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

const scope = "github.com/sheaf-rpc/sheaf/upstreams"

// observer makes a span and a measurement of each call, by OpenTelemetry's conventions for HTTP clients.
type observer struct {
	tracer trace.Tracer
	// untraced is set if nobody keeps spans.
	untraced   bool
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
	changes    metric.Int64Counter
	repeats    metric.Int64Counter
	keeps      metric.Int64Counter
	addresses  metric.Int64Counter
	waits      metric.Int64Counter
	upstream   string
	// common are the attributes that all calls of the upstream share.
	common []attribute.KeyValue
	base   string
	// starting are the options of spans.
	starting []trace.SpanStartOption
	ends     ends
}

func newObserver(config *Config, base *url.URL) (*observer, error) {
	meter := config.MeterProvider.Meter(scope)
	duration, err := meter.Float64Histogram("http.client.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of calls to upstreams."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	if err != nil {
		return nil, fmt.Errorf("create histogram: %w", err)
	}
	_, untraced := config.TracerProvider.(tracenoop.TracerProvider)
	created := &observer{
		untraced: untraced, tracer: config.TracerProvider.Tracer(scope), propagator: config.Propagator, duration: duration, upstream: config.Name,
		common: append(serverAttributes(base), attribute.String("sheaf.upstream", config.Name)),
		base:   base.Scheme + "://" + base.Host, starting: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)},
	}
	for _, counter := range []struct {
		into                    *metric.Int64Counter
		name, unit, description string
	}{
		{&created.changes, "sheaf.breaker.changes", "{change}", "Changes of circuit breakers, by the state that they changed to."},
		{&created.repeats, "sheaf.repeats", "{request}", "Requests to upstreams that were made again, as a retry, as a hedge, or since a connection broke."},
		{&created.keeps, "sheaf.cache.answers", "{answer}", "Answers that were given from the cache."},
		{&created.addresses, "sheaf.address.changes", "{change}", "Changes of addresses that requests are spread over, by the state that they changed to."},
		{&created.waits, "sheaf.answer.waits", "{answer}", "Answers that waited to be read, since those that were read took all room."},
	} {
		if *counter.into, err = meter.Int64Counter(counter.name, metric.WithUnit(counter.unit), metric.WithDescription(counter.description)); err != nil {
			return nil, fmt.Errorf("create counter %s: %w", counter.name, err)
		}
	}
	return created, nil
}

func serverAttributes(base *url.URL) []attribute.KeyValue {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	number, _ := strconv.Atoi(port) // url.Parse has checked it
	return []attribute.KeyValue{semconv.ServerAddress(base.Hostname()), semconv.ServerPort(number)}
}

// span is one call under observation.
type span struct {
	observer *observer
	trace.Span
	ctx     context.Context
	request *Request
	started time.Time
}

func (o *observer) start(ctx context.Context, request *Request) (context.Context, span) {
	if !o.isTraced(ctx) {
		return ctx, span{observer: o, Span: tracenoop.Span{}, ctx: ctx, request: request, started: time.Now()}
	}
	ctx, tracing := o.tracer.Start(ctx, request.route(), o.starting...)
	if tracing.IsRecording() {
		tracing.SetAttributes(o.common...)
		tracing.SetAttributes(
			semconv.HTTPRequestMethodKey.String(request.Method),
			semconv.URLTemplate(request.Template),
			// The query stays out: it may hold what no trace should keep.
			semconv.URLFull(o.base+request.Path),
			attribute.String("sheaf.call", request.Name),
		)
	}
	return ctx, span{observer: o, Span: tracing, ctx: ctx, request: request, started: time.Now()}
}

// isTraced reports whether a call gets a span. It gets none within a span of this process that is not kept: a trace is kept as a
// whole, or not at all. One that has ended is no longer recorded, but kept.
func (o *observer) isTraced(ctx context.Context) bool {
	if o.untraced {
		return false
	}
	around := trace.SpanFromContext(ctx)
	within := around.SpanContext()
	return within.IsSampled() || around.IsRecording() || !within.IsValid() || within.IsRemote()
}

// observe makes next a span and a measurement.
func (o *observer) observe(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		ctx, span := o.start(ctx, exchange.Request)
		answer, err := next(ctx, exchange)
		span.end(answer, err)
		return answer, err
	}
}

// retried tells of a request that is made again after a wait.
func (o *observer) retried(ctx context.Context, request *Request, tries int, failure *Error, wait time.Duration) {
	o.note(ctx, NoteRetry, request, string(failure.Kind))
	o.repeats.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.repeat", "retry")), metric.WithAttributes(o.common...))
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("retry", trace.WithAttributes(semconv.HTTPRequestResendCount(tries),
			attribute.String("error.message", failure.Error()), attribute.String("sheaf.wait", wait.String())))
	}
}

// hedged tells of a request that is made a second time beside the first.
func (o *observer) hedged(ctx context.Context, request *Request) {
	o.note(ctx, NoteHedge, request, "")
	o.repeats.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.repeat", "hedge")), metric.WithAttributes(o.common...))
	trace.SpanFromContext(ctx).AddEvent("hedge")
}

// resent tells of a request that is made again since its connection broke.
func (o *observer) resent(ctx context.Context) {
	o.repeats.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.repeat", "connection")), metric.WithAttributes(o.common...))
	trace.SpanFromContext(ctx).AddEvent("connection broke")
}

// waited tells of an answer that waits for room.
func (o *observer) waited(ctx context.Context) {
	o.waits.Add(ctx, 1, metric.WithAttributes(o.common...))
	trace.SpanFromContext(ctx).AddEvent("wait for room")
}

// kept tells of an answer from the cache.
func (o *observer) kept(ctx context.Context, request *Request, how string, age time.Duration) {
	o.note(ctx, NoteCache, request, how)
	o.keeps.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.cache", how)), metric.WithAttributes(o.common...))
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("cache "+how, trace.WithAttributes(attribute.String("sheaf.call", request.Name), attribute.String("sheaf.age", age.String())))
	}
}

func (o *observer) note(ctx context.Context, kind NoteKind, request *Request, reason string) {
	noteIn(ctx, Note{Kind: kind, Upstream: o.upstream, Call: request.Name, Reason: reason})
}

func (o *observer) inject(ctx context.Context, header http.Header) {
	o.propagator.Inject(ctx, carrier{propagation.HeaderCarrier(header)})
}

// carrier is a header that knows the usual names of a trace's context, which textproto would write anew for each request.
type carrier struct{ propagation.HeaderCarrier }

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(name, value string) {
	switch name {
	case "traceparent":
		c.HeaderCarrier["Traceparent"] = []string{value}
	default:
		c.HeaderCarrier.Set(name, value)
	}
}

func (s span) end(answer *Answer, err error) {
	ended := endOf(s.request.Method, answer, err)
	s.observer.duration.Record(s.ctx, time.Since(s.started).Seconds(), s.observer.ends.options(ended, s.observer.common)...)
	if s.IsRecording() {
		s.SetAttributes(ended.attributes()...)
		if err != nil {
			s.SetStatus(codes.Error, err.Error())
		}
	}
	s.End()
}

func (o *observer) breakerChanged(state string) {
	attributes := append([]attribute.KeyValue{attribute.String("sheaf.breaker.state", state)}, o.common...)
	o.changes.Add(context.Background(), 1, metric.WithAttributes(attributes...))
}

func (o *observer) addressChanged(address, state string) {
	o.addresses.Add(context.Background(), 1, metric.WithAttributes(o.common...),
		metric.WithAttributes(attribute.String("sheaf.address", address), attribute.String("sheaf.address.state", state)))
}
