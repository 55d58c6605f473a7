package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// library are the functions that calling APIs needs, besides those of CEL and its extensions. docs/bindings.md lists them.
// A value that a function cannot read is an error, whose text does not quote the value.
func library(json adapter) []cel.EnvOption {
	all := []cel.EnvOption{unary("json.parse", "json_parse", cel.StringType, cel.DynType, func(text types.String) ref.Val {
		if !jsontext.Value(text).IsValid() {
			return types.NewErr("text is not JSON")
		}
		return json.NativeToValue(NewJSON([]byte(text)))
	})}
	for _, part := range [][]cel.EnvOption{timeLibrary(), urlLibrary(), textLibrary(), entityLibrary(), hashLibrary()} {
		all = append(all, part...)
	}
	return all
}

// unary declares a function of one argument. An answer's value is dyn until it is there, so the binding checks again.
func unary[Argument ref.Val](name, id string, argument, result *cel.Type, f func(Argument) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(id, []*cel.Type{argument}, result, cel.UnaryBinding(bindUnary(f))))
}

// member declares a function that is called on its argument.
func member[Argument ref.Val](name, id string, argument, result *cel.Type, f func(Argument) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(id, []*cel.Type{argument}, result, cel.UnaryBinding(bindUnary(f))))
}

func bindUnary[Argument ref.Val](f func(Argument) ref.Val) func(ref.Val) ref.Val {
	return func(value ref.Val) ref.Val {
		argument, ok := value.(Argument)
		if !ok {
			return types.MaybeNoSuchOverloadErr(value)
		}
		return f(argument)
	}
}

// binary declares a function of two arguments.
func binary[A, B ref.Val](name, id string, arguments []*cel.Type, result *cel.Type, f func(A, B) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(id, arguments, result, cel.BinaryBinding(bindBinary(f))))
}

// binaryMember declares a function of one more argument that is called on its first.
func binaryMember[A, B ref.Val](name, id string, arguments []*cel.Type, result *cel.Type, f func(A, B) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(id, arguments, result, cel.BinaryBinding(bindBinary(f))))
}

func bindBinary[A, B ref.Val](f func(A, B) ref.Val) func(ref.Val, ref.Val) ref.Val {
	return func(left, right ref.Val) ref.Val {
		a, ok := left.(A)
		if !ok {
			return types.MaybeNoSuchOverloadErr(left)
		}
		b, ok := right.(B)
		if !ok {
			return types.MaybeNoSuchOverloadErr(right)
		}
		return f(a, b)
	}
}

// texts are what most functions take.
func texts(count int) []*cel.Type {
	all := make([]*cel.Type, count)
	for i := range all {
		all[i] = cel.StringType
	}
	return all
}

// found is an optional text.
func found(text string, ok bool) ref.Val {
	if !ok {
		return types.OptionalNone
	}
	return types.OptionalOf(types.String(text))
}
