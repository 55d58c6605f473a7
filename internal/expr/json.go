package expr

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// JSON is a valid JSON document, to be used as a value in CEL. Objects and lists are taken apart one level at a time, once,
// and only where an expression looks. A null is the same as a missing key. It is safe for concurrent use.
type JSON struct {
	raw   jsontext.Value
	depth int

	once  sync.Once
	value ref.Val
}

// maxDepth bounds how deep expressions look, since comparing two documents looks at all of them on every level.
const maxDepth = 100

var errTooDeep = fmt.Errorf("value is nested deeper than %d levels", maxDepth)

// NewJSON is a document, which must not change.
func NewJSON(raw []byte) *JSON { return &JSON{raw: raw} }

// adapter turns JSON into CEL values, and leaves everything else to the types of the contract.
type adapter struct {
	*types.Registry
}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(value any) ref.Val {
	if document, ok := value.(*JSON); ok {
		document.once.Do(func() { document.value = a.read(document) })
		return document.value
	}
	return a.Registry.NativeToValue(value)
}

func (a adapter) read(document *JSON) ref.Val {
	switch document.raw.Kind() {
	case jsontext.KindNull:
		return types.NullValue
	case jsontext.KindTrue, jsontext.KindFalse:
		return types.Bool(document.raw.Kind() == jsontext.KindTrue)
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, document.raw)
		if err != nil {
			return types.WrapErr(err)
		}
		return types.String(text)
	case jsontext.KindNumber:
		return number(string(document.raw))
	case jsontext.KindBeginObject:
		return a.object(document)
	case jsontext.KindBeginArray:
		return a.list(document)
	default:
		return types.NewErr("value is not JSON")
	}
}

func (a adapter) object(document *JSON) ref.Val {
	fields := map[string]any{}
	decoder, err := document.open()
	if err != nil {
		return types.WrapErr(err)
	}
	for decoder.PeekKind() == jsontext.KindString {
		key, err := decoder.ReadToken()
		if err != nil {
			return types.WrapErr(err)
		}
		name := key.String()
		member, err := document.next(decoder)
		if err != nil {
			return types.WrapErr(err)
		}
		if member.raw.Kind() != jsontext.KindNull {
			fields[name] = member
		}
	}
	return types.NewStringInterfaceMap(a, fields)
}

func (a adapter) list(document *JSON) ref.Val {
	items := []*JSON{}
	decoder, err := document.open()
	if err != nil {
		return types.WrapErr(err)
	}
	for decoder.PeekKind() != jsontext.KindEndArray {
		item, err := document.next(decoder)
		if err != nil {
			return types.WrapErr(err)
		}
		items = append(items, item)
	}
	return types.NewDynamicList(a, items)
}

// open is a decoder behind the opening bracket.
func (j *JSON) open() (*jsontext.Decoder, error) {
	if j.depth == maxDepth {
		return nil, errTooDeep
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(j.raw))
	_, err := decoder.ReadToken()
	return decoder, err
}

// next is the next value of a list or an object, which shares its memory.
func (j *JSON) next(decoder *jsontext.Decoder) (*JSON, error) {
	value, err := decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(decoder.InputOffset())
	return &JSON{raw: j.raw[end-len(value) : end], depth: j.depth + 1}, nil
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
