package expr

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// JSON is a valid JSON document, to be used as a value in CEL. Objects and lists are taken apart one level at a time, and
// only where an expression looks. A null is the same as a missing key.
type JSON []byte

// adapter turns JSON into CEL values, and leaves everything else to the types of the contract.
type adapter struct {
	*types.Registry
}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(value any) ref.Val {
	if raw, ok := value.(JSON); ok {
		return a.fromJSON(raw)
	}
	return a.Registry.NativeToValue(value)
}

func (a adapter) fromJSON(raw JSON) ref.Val {
	switch jsontext.Value(raw).Kind() {
	case jsontext.KindNull:
		return types.NullValue
	case jsontext.KindTrue, jsontext.KindFalse:
		return types.Bool(jsontext.Value(raw).Kind() == jsontext.KindTrue)
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return types.WrapErr(err)
		}
		return types.String(text)
	case jsontext.KindNumber:
		return number(string(raw))
	case jsontext.KindBeginObject:
		return a.object(raw)
	case jsontext.KindBeginArray:
		return a.list(raw)
	default:
		return types.NewErr("value is not JSON")
	}
}

func (a adapter) object(raw JSON) ref.Val {
	fields := map[string]any{}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if _, err := decoder.ReadToken(); err != nil {
		return types.WrapErr(err)
	}
	for decoder.PeekKind() == jsontext.KindString {
		key, err := decoder.ReadToken()
		if err != nil {
			return types.WrapErr(err)
		}
		name := key.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return types.WrapErr(err)
		}
		if value.Kind() != jsontext.KindNull {
			fields[name] = JSON(bytes.Clone(value))
		}
	}
	return types.NewStringInterfaceMap(a, fields)
}

func (a adapter) list(raw JSON) ref.Val {
	var items []ref.Val
	decoder := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if _, err := decoder.ReadToken(); err != nil {
		return types.WrapErr(err)
	}
	for decoder.PeekKind() != jsontext.KindEndArray {
		value, err := decoder.ReadValue()
		if err != nil {
			return types.WrapErr(err)
		}
		items = append(items, a.fromJSON(JSON(bytes.Clone(value))))
	}
	return types.NewRefValList(a, items)
}

// number is an int where the literal's value is a whole number that fits (so 20.0 is 20), a uint where only that holds
// it, and a double otherwise. A whole number that none of them holds exactly is an error, not a rounded value.
func number(literal string) ref.Val {
	if whole, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return types.Int(whole)
	}
	if whole, err := strconv.ParseUint(literal, 10, 64); err == nil {
		return types.Uint(whole)
	}
	value, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return types.NewErr("number %.20s is out of range", literal)
	}
	if value != math.Trunc(value) {
		return types.Double(value)
	}
	if math.Abs(value) < 1<<53 {
		return types.Int(int64(value))
	}
	return types.WrapErr(errTooLarge)
}

var errTooLarge = errors.New("whole number is too large to compute with exactly")
