package bff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/lazypb"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// minCompressed is the size below which compressing an answer costs more than it saves, in bytes.
const minCompressed = 1 << 10

// openListener makes the handlers of what a listener has, and of reflection.
func (w *world) openListener(l *listener) error {
	gated, entrance := w.gate(), w.entrance(l)
	mux := http.NewServeMux()
	l.rpcs = map[string]http.Handler{}
	for _, service := range w.plan.Services {
		if service.Binding != "" {
			continue // for other bindings alone
		}
		if slices.ContainsFunc(service.RPCs, l.has) {
			l.names = append(l.names, string(service.Descriptor.FullName()))
		}
		for _, method := range w.methods(l, service) {
			name := plan.Procedure(method)
			handler := gated(method, entrance.Handler(name, w.isAnonymous(name), w.patience().Handler(w.methodHandler(method))))
			l.rpcs[path(method)] = conditional(handler)
			mux.Handle(path(method), handler) // for paths that have to be cleaned first
		}
	}
	if w.plan.Server.Reflection && l == w.public {
		if err := w.reflect(mux, l, entrance); err != nil {
			return err
		}
	}
	mux.Handle("/", w.notFound(l))
	l.handler = conditional(mux)
	return nil
}

// methods are those of a service that a listener answers: its RPCs, and on the public one those that are not bound.
func (w *world) methods(l *listener, service *plan.Service) []protoreflect.MethodDescriptor {
	var methods []protoreflect.MethodDescriptor
	for i := range service.Descriptor.Methods().Len() {
		method := service.Descriptor.Methods().Get(i)
		procedure := w.procedures[plan.Procedure(method)]
		if procedure != nil && l.has(procedure.plan) || procedure == nil && l == w.public {
			methods = append(methods, method)
		}
	}
	return methods
}

// gate refuses RPCs while too much work is in flight, if the project bounds it.
func (w *world) gate() func(protoreflect.MethodDescriptor, http.Handler) http.Handler {
	most := w.plan.Server.MaxWork
	return func(method protoreflect.MethodDescriptor, handler http.Handler) http.Handler {
		procedure := w.procedures[plan.Procedure(method)]
		if most == 0 || procedure == nil {
			return handler
		}
		return w.server.gate.Handler(most, procedure.cost(), handler)
	}
}

// notFound answers every other path, in the client's protocol, with the RPC that may have been meant, if those may learn of it who have
// proven nothing.
func (w *world) notFound(l *listener) http.Handler {
	failures := connect.NewErrorWriter()
	mayName := func(rpc *plan.RPC) bool { return l.has(rpc) && w.isAnonymous(rpc.Name()) }
	return http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		name := shortened(strings.TrimPrefix(r.URL.Path, "/"))
		text := fmt.Sprintf("no RPC %q%s", name, w.plan.Suggest(name, mayName))
		isPage := r.Method == http.MethodGet && !r.URL.Query().Has("message") // a browser, not a client
		if isPage || !failures.IsSupported(r) {
			http.Error(writer, text, http.StatusNotFound)
			return
		}
		_ = failures.Write(statusNotFound{writer}, r, connect.NewError(connect.CodeUnimplemented, errors.New(text))) // the client has gone
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
func (w *world) methodHandler(method protoreflect.MethodDescriptor) http.Handler {
	name := plan.Procedure(method)
	procedure, observe := w.procedures[name], w.server.observer.observe(method)
	options := []connect.HandlerOption{
		connect.WithSchema(method),
		w.codecs(method),
		atMost(w.plan.Server.MaxRequestBytes),
		connect.WithCompressMinBytes(minCompressed),
		connect.WithIdempotency(idempotency(method)),
	}
	if procedure == nil {
		return connect.NewUnaryHandler(path(method), unimplemented, append(options, connect.WithInterceptors(observe, noteAnswer{}))...)
	}
	interceptors := connect.WithInterceptors( // what is nil is left out
		observe,
		noteAnswer{},
		policy.Recover(w.server.settings.logger),
		policy.Deadline(procedure.longest()),
		connect.UnaryInterceptorFunc(procedure.leave),
		w.authorize(name),
		w.limits(procedure.plan),
		procedure.validate(),
		w.onceOnly(method),
	)
	return connect.NewUnaryHandler(path(method), procedure.serve, append(options, interceptors)...)
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
func unimplemented(_ context.Context, request *connect.Request[lazypb.Message]) (*connect.Response[response], error) {
	return nil, connect.NewError(connect.CodeUnimplemented, errors.New(request.Spec().Procedure[1:]+" is not implemented"))
}
