package bff

import (
	"fmt"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// reflect serves the contract as the public may know it. Where callers are known, it is for those who prove who they are.
func (w *world) reflect(mux *http.ServeMux, l *listener, entrance *policy.Entrance) error {
	files, err := w.publicFiles(l)
	if err != nil {
		return err
	}
	reflector := grpcreflect.NewReflector(grpcreflect.NamerFunc(func() []string { return l.names }), grpcreflect.WithDescriptorResolver(files))
	for _, of := range []func(*grpcreflect.Reflector, ...connect.HandlerOption) (string, http.Handler){grpcreflect.NewHandlerV1, grpcreflect.NewHandlerV1Alpha} {
		path, handler := of(reflector, atMost(smallRequest), connect.WithInterceptors(noteAnswer{}))
		mux.Handle(path, entrance.Handler(path[1:]+"ServerReflectionInfo", false, handler))
	}
	return nil
}

// publicFiles are the contract's files without what a listener does not have: RPCs that are on the internal one alone, and services that
// are bound under names alone, or not at all.
func (w *world) publicFiles(l *listener) (*protoregistry.Files, error) {
	set, left := &descriptorpb.FileDescriptorSet{}, false
	w.plan.Files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		public := w.publicFile(l, file)
		if public == nil {
			public = protodesc.ToFileDescriptorProto(file)
		} else {
			left = true
		}
		set.File = append(set.File, public)
		return true
	})
	if !left {
		return w.plan.Files, nil
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("leave out of reflection what clients cannot reach: %w", err)
	}
	return files, nil
}

// publicFile is a file without those RPCs and services; nil if it has none of them. Its comments may tell of them, and go with them.
func (w *world) publicFile(l *listener, file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	kept := protodesc.ToFileDescriptorProto(file)
	services, left := kept.GetService(), false
	kept.Service = nil
	for i, service := range services {
		descriptor := file.Services().Get(i)
		if !slices.Contains(l.names, string(descriptor.FullName())) {
			left = true
			continue
		}
		methods := service.GetMethod()
		service.Method = nil
		for j, method := range methods {
			if !w.plan.Server.IsInternal(plan.Procedure(descriptor.Methods().Get(j))) {
				service.Method = append(service.Method, method)
			}
		}
		left = left || len(service.GetMethod()) < len(methods)
		kept.Service = append(kept.Service, service)
	}
	if !left {
		return nil
	}
	kept.SourceCodeInfo = nil
	return kept
}
