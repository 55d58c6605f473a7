package bff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/otelconnect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// minCompressed is the size below which compressing an answer costs more than it saves, in bytes.
const minCompressed = 1 << 10

// newHandler routes the paths of every bound service, of reflection and of health.
func (s *Server) newHandler() (http.Handler, error) {
	observe, err := otelconnect.NewInterceptor(
		otelconnect.WithTracerProvider(s.settings.tracers), otelconnect.WithMeterProvider(s.settings.meters),
		otelconnect.WithPropagator(telemetry.Propagator()), otelconnect.WithTrustRemote(),
	)
	if err != nil {
		return nil, fmt.Errorf("create interceptor: %w", err)
	}
	gated := s.gate()
	mux := http.NewServeMux()
	var names []string
	for _, service := range s.plan.Services {
		if service.Binding != "" {
			continue // internal
		}
		names = append(names, string(service.Descriptor.FullName()))
		for j := range service.Descriptor.Methods().Len() {
			method := service.Descriptor.Methods().Get(j)
			mux.Handle(path(method), gated(method, s.methodHandler(method, observe)))
		}
	}
	s.health = grpchealth.NewStaticChecker(names...)
	mux.Handle(grpchealth.NewHandler(s.health))
	reflector := grpcreflect.NewReflector(grpcreflect.NamerFunc(func() []string { return names }),
		grpcreflect.WithDescriptorResolver(s.plan.Files))
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	mux.Handle("/", s.notFound())
	return mux, nil
}

// gate refuses RPCs while too much work is in flight, if the project bounds it.
func (s *Server) gate() func(protoreflect.MethodDescriptor, http.Handler) http.Handler {
	if s.plan.Server.MaxWork == 0 {
		return func(_ protoreflect.MethodDescriptor, handler http.Handler) http.Handler { return handler }
	}
	gate := policy.NewGate(s.plan.Server.MaxWork, func(ctx context.Context) { s.meters.shed.Add(ctx, 1) })
	return func(method protoreflect.MethodDescriptor, handler http.Handler) http.Handler {
		procedure := s.procedures[plan.Procedure(method)]
		if procedure == nil {
			return handler
		}
		return gate.Handler(procedure.plan.Cost, handler)
	}
}

// notFound answers every other path, in the client's protocol, with the RPC that may have been meant.
func (s *Server) notFound() http.Handler {
	writer := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		text := fmt.Sprintf("no RPC %q%s", name, s.plan.Suggest(name, false))
		isPage := r.Method == http.MethodGet && !r.URL.Query().Has("message") // a browser, not a client
		if isPage || !writer.IsSupported(r) {
			http.Error(w, text, http.StatusNotFound)
			return
		}
		_ = writer.Write(statusNotFound{w}, r, connect.NewError(connect.CodeUnimplemented, errors.New(text))) // the client has gone
	})
}

// statusNotFound answers 404 where Connect would answer 501: the path is unknown, and its specification says so.
type statusNotFound struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (s statusNotFound) WriteHeader(status int) {
	if status == http.StatusNotImplemented {
		status = http.StatusNotFound
	}
	s.ResponseWriter.WriteHeader(status)
}

// path is where Connect and gRPC look for a method.
func path(method protoreflect.MethodDescriptor) string {
	return "/" + plan.Procedure(method)
}

// methodHandler serves one method in all four wire forms.
func (s *Server) methodHandler(method protoreflect.MethodDescriptor, observe connect.Interceptor) http.Handler {
	procedure := s.procedures[plan.Procedure(method)]
	options := []connect.HandlerOption{
		connect.WithSchema(method),
		connect.WithRequestInitializer(initialize),
		s.codecs(),
		connect.WithReadMaxBytes(s.plan.Server.MaxRequestBytes),
		connect.WithCompressMinBytes(minCompressed),
		connect.WithIdempotency(idempotency(method)),
	}
	if procedure == nil {
		return conditional(connect.NewUnaryHandler(path(method), unimplemented, append(options, connect.WithInterceptors(observe))...))
	}
	interceptors := []connect.Interceptor{
		observe,
		policy.Recover(s.settings.logger),
		policy.Deadline(procedure.timeout),
		policy.Validate(procedure.validator),
	}
	return conditional(connect.NewUnaryHandler(path(method), procedure.serve, append(options, connect.WithInterceptors(interceptors...))...))
}

// initialize makes an empty request a message of the method's type.
func initialize(spec connect.Spec, message any) error {
	method, isMethod := spec.Schema.(protoreflect.MethodDescriptor)
	target, isDynamic := message.(*dynamicpb.Message)
	if !isMethod || !isDynamic {
		return fmt.Errorf("initialize request: %T for %T", message, spec.Schema)
	}
	*target = *dynamicpb.NewMessage(method.Input()) // the target is new, so no lock is copied
	return nil
}

// idempotency is what the contract says of repeating an RPC. Without side effects, an RPC is served on GET too.
func idempotency(method protoreflect.MethodDescriptor) connect.IdempotencyLevel {
	options, ok := method.Options().(*descriptorpb.MethodOptions)
	if !ok {
		return connect.IdempotencyUnknown
	}
	switch options.GetIdempotencyLevel() {
	case descriptorpb.MethodOptions_NO_SIDE_EFFECTS:
		return connect.IdempotencyNoSideEffects
	case descriptorpb.MethodOptions_IDEMPOTENT:
		return connect.IdempotencyIdempotent
	default:
		return connect.IdempotencyUnknown
	}
}

// unimplemented answers the RPCs of a bound service that have no binding.
func unimplemented(_ context.Context, request *connect.Request[dynamicpb.Message]) (*connect.Response[response], error) {
	return nil, connect.NewError(connect.CodeUnimplemented, errors.New(request.Spec().Procedure[1:]+" is not implemented"))
}
