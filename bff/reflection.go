package bff

import (
	"fmt"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// reflect serves the contract as the public may know it. Where callers are known, it is for those who prove who they are.
func (w *world) reflect(mux *http.ServeMux, l *listener, entrance *policy.Entrance) error {
	files, err := w.publicFiles()
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

// publicFiles are the contract's files without the RPCs that are on the internal listener alone.
func (w *world) publicFiles() (*protoregistry.Files, error) {
	if w.plan.Server.Internal == nil {
		return w.plan.Files, nil
	}
	set := &descriptorpb.FileDescriptorSet{}
	w.plan.Files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		set.File = append(set.File, w.publicFile(file))
		return true
	})
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("leave out internal RPCs: %w", err)
	}
	return files, nil
}

// publicFile is a file without those RPCs, and without the services that have no other. Its comments may tell of them, and go with them.
func (w *world) publicFile(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	whole := protodesc.ToFileDescriptorProto(file)
	kept := proto.CloneOf(whole)
	kept.Service = nil
	left := false
	for i, service := range whole.GetService() {
		methods := file.Services().Get(i).Methods()
		reduced := proto.CloneOf(service)
		reduced.Method = nil
		for j, method := range service.GetMethod() {
			if !w.plan.Server.IsInternal(plan.Procedure(methods.Get(j))) {
				reduced.Method = append(reduced.Method, method)
			}
		}
		left = left || len(reduced.GetMethod()) < len(service.GetMethod())
		if len(reduced.GetMethod()) > 0 || len(service.GetMethod()) == 0 {
			kept.Service = append(kept.Service, reduced)
		}
	}
	if !left {
		return whole
	}
	kept.SourceCodeInfo = nil
	return kept
}
