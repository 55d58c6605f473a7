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
		unary("sumValues", "map_sum_values", cel.DynType, cel.DynType, sumValues),
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

// sumValues adds the numbers of an object up.
func sumValues(value ref.Val) ref.Val {
	object, ok := value.(traits.Mapper)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	var sum ref.Val = types.IntZero
	for it := object.Iterator(); it.HasNext() == types.True; {
		left, right := promote(sum, object.Get(it.Next()))
		adder, ok := left.(traits.Adder)
		if !ok {
			return types.NewErr("object has a value that is no number")
		}
		sum = adder.Add(right)
	}
	return sum
}
