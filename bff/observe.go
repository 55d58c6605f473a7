package bff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// observer makes a span of each RPC and measures how long it takes, by OpenTelemetry's conventions for RPCs. What is the same for all calls
// of an RPC is made once.
type observer struct {
	tracer   trace.Tracer
	duration rpcconv.ServerCallDuration
}

// instrumentation is the scope of what is measured and traced here.
const instrumentation = "github.com/sheaf-rpc/sheaf/bff"

func newObserver(tracers trace.TracerProvider, meters metric.MeterProvider) (*observer, error) {
	duration, err := rpcconv.NewServerCallDuration(meters.Meter(instrumentation))
	if err != nil {
		return nil, fmt.Errorf("create histogram of RPCs: %w", err)
	}
	return &observer{tracer: tracers.Tracer(instrumentation), duration: duration}, nil
}

// observed is what is said of all calls of an RPC by one protocol.
type observed struct {
	name       string
	attributes []attribute.KeyValue
	start      []trace.SpanStartOption
	ok         []metric.RecordOption // of a call that succeeds
}

func newObserved(name, system string) *observed {
	attributes := []attribute.KeyValue{semconv.RPCSystemNameKey.String(system), semconv.RPCMethod(name)}
	ok := attribute.NewSet(append(attributes[:2:2], statusAttributes(nil)...)...)
	return &observed{
		name: name, attributes: attributes, ok: []metric.RecordOption{metric.WithAttributeSet(ok)},
		start: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...)},
	}
}

// observe observes the calls of some RPCs.
func (o *observer) observe(methods ...protoreflect.MethodDescriptor) connect.Interceptor {
	byConnect, byGRPC := map[string]*observed{}, map[string]*observed{}
	for _, method := range methods {
		byConnect[path(method)] = newObserved(plan.Procedure(method), "connectrpc")
		byGRPC[path(method)] = newObserved(plan.Procedure(method), "grpc")
	}
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			began, by := time.Now(), byGRPC
			if request.Peer().Protocol == connect.ProtocolConnect {
				by = byConnect
			}
			said := by[request.Spec().Procedure]
			ctx, span := o.tracer.Start(withParent(ctx, request.Header()), said.name, said.start...)
			defer span.End()
			response, err := next(ctx, request)
			tell(span, err)
			o.duration.Inst().Record(ctx, time.Since(began).Seconds(), said.recorded(err)...)
			return response, err
		}
	})
}

// withParent is a context with the span that the client made, unless there is one already.
func withParent(ctx context.Context, header http.Header) context.Context {
	if len(header["Traceparent"]) == 0 || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return telemetry.Propagator().Extract(ctx, propagation.HeaderCarrier(header))
}

// tell says in a span what became of the call.
func tell(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(statusAttributes(err)...)
	if err != nil && !connect.IsNotModifiedError(err) && isServers(connect.CodeOf(err)) {
		span.SetStatus(codes.Error, messageOf(err))
	}
}

// recorded is what is measured by.
func (o *observed) recorded(err error) []metric.RecordOption {
	if err == nil {
		return o.ok
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(append(o.attributes[:2:2], statusAttributes(err)...)...))}
}

func statusAttributes(err error) []attribute.KeyValue {
	switch {
	case err == nil:
		return []attribute.KeyValue{semconv.RPCResponseStatusCode("OK")}
	case connect.IsNotModifiedError(err):
		return []attribute.KeyValue{semconv.RPCResponseStatusCode("OK"), semconv.HTTPResponseStatusCode(http.StatusNotModified)}
	default:
		code := strings.ToUpper(connect.CodeOf(err).String()) // as gRPC writes it
		return []attribute.KeyValue{semconv.RPCResponseStatusCode(code), semconv.ErrorTypeKey.String(code)}
	}
}

// isServers reports whether a code says that the server has failed, and not the client.
func isServers(code connect.Code) bool {
	switch code {
	case connect.CodeUnknown, connect.CodeDeadlineExceeded, connect.CodeUnimplemented, connect.CodeInternal, connect.CodeUnavailable, connect.CodeDataLoss:
		return true
	default:
		return false
	}
}

func messageOf(err error) string {
	if told, ok := errors.AsType[*connect.Error](err); ok {
		return told.Message()
	}
	return err.Error()
}

// methodsOf are all methods of a service.
func methodsOf(service protoreflect.ServiceDescriptor) []protoreflect.MethodDescriptor {
	methods := make([]protoreflect.MethodDescriptor, service.Methods().Len())
	for i := range methods {
		methods[i] = service.Methods().Get(i)
	}
	return methods
}
