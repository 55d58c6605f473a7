package expr

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

func hashLibrary() []cel.EnvOption {
	return []cel.EnvOption{
		ofBytes("base64url.encode", func(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }),
		unary("base64url.decode", "base64url_decode", cel.StringType, cel.BytesType, func(text types.String) ref.Val {
			decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(text), "="))
			if err != nil {
				return types.NewErr("text is not base64url")
			}
			return types.Bytes(decoded)
		}),
		ofBytes("hash.sha256", func(content []byte) string {
			sum := sha256.Sum256(content)
			return hex.EncodeToString(sum[:])
		}),
		cel.Function("sum",
			cel.MemberOverload("list_sum", []*cel.Type{cel.ListType(cel.DynType)}, cel.DynType, cel.UnaryBinding(sum)),
			cel.MemberOverload("map_sum", []*cel.Type{cel.MapType(cel.StringType, cel.DynType)}, cel.DynType, cel.UnaryBinding(sum)),
		),
	}
}

// ofBytes declares a function that makes a text of bytes, or of the bytes of a text.
func ofBytes(name string, f func([]byte) string) cel.EnvOption {
	id := strings.ReplaceAll(name, ".", "_")
	return cel.Function(name,
		cel.Overload(id+"_bytes", []*cel.Type{cel.BytesType}, cel.StringType, cel.UnaryBinding(bindUnary(func(content types.Bytes) ref.Val {
			return types.String(f(content))
		}))),
		cel.Overload(id+"_string", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(bindUnary(func(text types.String) ref.Val {
			return types.String(f([]byte(text)))
		}))),
	)
}

// sum adds the numbers of a list, or of the values of an object, up.
func sum(value ref.Val) ref.Val {
	var total ref.Val = types.IntZero
	object, isObject := value.(traits.Mapper)
	iterable, ok := value.(traits.Iterable)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	for it := iterable.Iterator(); it.HasNext() == types.True; {
		next := it.Next()
		if isObject {
			next = object.Get(next)
		}
		left, right := promote(total, next)
		adder, isNumber := left.(traits.Adder)
		if _, isText := right.(types.String); isText || !isNumber {
			return types.NewErr("sum of something that is no number")
		}
		total = adder.Add(right)
	}
	return total
}
