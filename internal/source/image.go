package source

import (
	"context"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Image compiles the .proto files below some import roots into one self-contained Buf image, with comments. What is built
// in is marked as imported, so that tools leave it alone.
func Image(roots ...string) (*descriptorpb.FileDescriptorSet, error) {
	var names []string
	for _, root := range roots {
		found, err := protoFiles(root)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", root, err)
		}
		names = append(names, found...)
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: roots}, protocompile.ResolverFunc(findBuiltIn),
		},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		return nil, fmt.Errorf("compile image: %w", err)
	}
	image := &imageBuilder{own: map[string]bool{}, added: map[string]bool{}}
	for _, name := range names {
		image.own[name] = true
	}
	for _, file := range files {
		image.add(file)
	}
	return &image.set, nil
}

// imageBuilder orders files so that each stands after what it imports.
type imageBuilder struct {
	set        descriptorpb.FileDescriptorSet
	own, added map[string]bool
}

func (b *imageBuilder) add(file protoreflect.FileDescriptor) {
	if b.added[file.Path()] {
		return
	}
	b.added[file.Path()] = true
	for i := range file.Imports().Len() {
		b.add(file.Imports().Get(i).FileDescriptor)
	}
	descriptor := protodesc.ToFileDescriptorProto(file)
	if !b.own[file.Path()] {
		marked := protowire.AppendVarint(protowire.AppendTag(nil, imageIsImport, protowire.VarintType), 1)
		extension := protowire.AppendBytes(protowire.AppendTag(nil, imageExtension, protowire.BytesType), marked)
		descriptor.ProtoReflect().SetUnknown(extension)
	}
	b.set.File = append(b.set.File, descriptor)
}
