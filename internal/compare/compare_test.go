package compare_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sheaf-rpc/sheaf/internal/compare"
)

func file(name, pkg string, messages ...*descriptorpb.DescriptorProto) *descriptorpb.FileDescriptorProto {
	made := &descriptorpb.FileDescriptorProto{MessageType: messages}
	if name != "" {
		made.Name = new(name)
	}
	if pkg != "" {
		made.Package = new(pkg)
	}
	return made
}

func message(name string, fields ...string) *descriptorpb.DescriptorProto {
	made := &descriptorpb.DescriptorProto{Name: new(name)}
	for _, field := range fields {
		made.Field = append(made.Field, &descriptorpb.FieldDescriptorProto{Name: new(field)})
	}
	return made
}

func TestMessages(t *testing.T) {
	t.Parallel()
	free := func(fields map[string]any) *structpb.Struct {
		made, err := structpb.NewStruct(fields)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for name, test := range map[string]struct {
		first, second proto.Message
		apart         compare.Apart
		want          []compare.Field
	}{
		"nothing":          {file("", ""), file("", ""), compare.Apart{}, []compare.Field{}},
		"equal":            {file("a", "b"), file("a", "b"), compare.Apart{}, []compare.Field{{Path: "name", Equal: 1}, {Path: "package", Equal: 1}}},
		"different":        {file("a", ""), file("b", ""), compare.Apart{}, []compare.Field{{Path: "name", Different: 1}}},
		"one each":         {file("a", ""), file("", "b"), compare.Apart{}, []compare.Field{{Path: "name", Missing: 1}, {Path: "package", Extra: 1}}},
		"apart":            {file("a", "b"), file("x", "y"), compare.Apart{Ignored: 1, Opaque: 2}, []compare.Field{{Path: "package", Equal: 1}}},
		"opaque, but gone": {file("a", "b"), file("a", ""), compare.Apart{Opaque: 2}, []compare.Field{{Path: "name", Equal: 1}, {Path: "package", Missing: 1}}},
		"lists": {
			file("", "", message("M", "a", "b", "c"), message("N")), file("", "", message("M", "a", "x")), compare.Apart{}, []compare.Field{
				{Path: "message_type[]", Missing: 1}, {Path: "message_type[].field[]", Missing: 1},
				{Path: "message_type[].field[].name", Equal: 1, Different: 1}, {Path: "message_type[].name", Equal: 1},
			},
		},
		"maps": {
			free(map[string]any{"a": 1, "b": "x", "c": true}), free(map[string]any{"a": 1, "b": "y", "d": true, "e": 1}), compare.Apart{}, []compare.Field{
				{Path: "fields[]", Missing: 1, Extra: 2}, {Path: "fields[].number_value", Equal: 1}, {Path: "fields[].string_value", Different: 1},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := compare.Messages(test.first.ProtoReflect(), test.second.ProtoReflect(), test.apart)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMany: there is an end of the paths that are told apart, and none of what is counted.
func TestMany(t *testing.T) {
	t.Parallel()
	const deep = 300
	var one, other any = "x", "y"
	for range deep {
		one, other = []any{one, 1}, []any{other, 1}
	}
	first, err := structpb.NewValue(one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := structpb.NewValue(other)
	if err != nil {
		t.Fatal(err)
	}
	fields := compare.Messages(first.ProtoReflect(), second.ProtoReflect(), compare.Apart{})
	equal, different := 0, 0
	for _, field := range fields {
		equal, different = equal+field.Equal, different+field.Different
	}
	if len(fields) > 201 || equal != deep || different != 1 || fields[0].Path != "..." {
		t.Errorf("%d fields, %d equal, %d different", len(fields), equal, different)
	}
}
