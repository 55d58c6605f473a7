package expr_test

import (
	"testing"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// one is what every name stands for.
type one struct{ value any }

func (o one) Resolve(string) (any, bool) { return o.value, true }

// TestDirectUnwrapped: messages that CEL takes for what is inside them have no fields of their own.
func TestDirectUnwrapped(t *testing.T) {
	t.Parallel()
	base, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := anypb.New(&descriptorpb.FieldDescriptorProto{Name: new("t")})
	if err != nil {
		t.Fatal(err)
	}
	messages := []proto.Message{
		packed, &anypb.Any{TypeUrl: "t"}, structpb.NewStringValue("t"), wrapperspb.String("t"), &descriptorpb.FieldDescriptorProto{Name: new("t")},
		&structpb.Struct{}, (*descriptorpb.FieldDescriptorProto)(nil), (*anypb.Any)(nil), (*structpb.Value)(nil),
	}
	for _, kind := range []*cel.Type{cel.DynType, cel.AnyType, cel.ObjectType("google.protobuf.Any"), cel.ObjectType("google.protobuf.Value")} {
		env, err := base.With(expr.Variable{Name: "r", Type: kind})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`r.type_url == "t"`, `r.type_url != "t"`, `r.string_value == "t"`, `r.value == "t"`, `r.name == "t"`, `r.name in ["t"]`} {
			program, mistakes := env.Compile(text)
			if mistakes != nil {
				t.Errorf("%v: %s: %v", kind, text, mistakes[0])
				continue
			}
			for _, message := range messages {
				sameFor(t, program, one{message})
			}
		}
	}
}
