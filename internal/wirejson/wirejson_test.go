package wirejson

import (
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// newWorld compiles the contract with every kind of field.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"testdata"}})}
	compiled, err := compiler.Compile(tb.Context(), "kinds.proto", "older.proto", "newer.proto", "google/protobuf/struct.proto",
		"google/protobuf/any.proto", "google/protobuf/duration.proto", "google/protobuf/empty.proto", "google/protobuf/field_mask.proto",
		"google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto")
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{files: &protoregistry.Files{}}
	for _, file := range compiled {
		if err := w.files.RegisterFile(file); err != nil {
			tb.Fatal(err)
		}
	}
	w.resolver = dynamicpb.NewTypes(w.files)
	w.types = NewTypes(w.resolver)
	return w
}

type world struct {
	files    *protoregistry.Files
	resolver *dynamicpb.Types
	types    *Types
}

func (w *world) descriptor(tb testing.TB, name protoreflect.FullName) protoreflect.MessageDescriptor {
	tb.Helper()
	found, err := w.files.FindDescriptorByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return found.(protoreflect.MessageDescriptor)
}

func (w *world) writer(tb testing.TB, name protoreflect.FullName) *Writer {
	tb.Helper()
	return w.types.Writer(w.descriptor(tb, name))
}
