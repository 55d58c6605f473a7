package projection

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Value is one JSON value on its way from a source to a field, a URL, a header or a body. The zero Value means that there
// is none: missing and null are one thing.
type Value struct {
	kind jsontext.Kind
	// raw is the JSON text; for a plain string, the content itself.
	raw   []byte
	plain bool
}

var errBlocked = errors.New("what should hold the value is no object")

// kindBlocked is the kind of a value that cannot be there, since what should hold it is no object or list. It fits nowhere.
const kindBlocked jsontext.Kind = '!'

// jsonValue is the value of a JSON text.
func jsonValue(raw []byte) Value {
	kind := jsontext.Value(raw).Kind()
	if kind == jsontext.KindNull || kind == jsontext.KindInvalid {
		return Value{}
	}
	return Value{kind: kind, raw: raw}
}

// plainString is a string value that was never quoted.
func plainString[T string | []byte](text T) Value {
	return Value{kind: jsontext.KindString, raw: []byte(text), plain: true}
}

// Missing reports whether there is no value.
func (v Value) Missing() bool { return v.kind == jsontext.KindInvalid }

// content is the text of a string, without its quotes. It may be part of the answer, so it is only to be read.
func (v Value) content() []byte {
	if v.plain {
		return v.raw
	}
	inner := v.raw[1 : len(v.raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := jsontext.AppendUnquote(nil, v.raw) // the scan has checked the escapes
	return text
}

// AppendJSON appends the value as JSON text.
func (v Value) AppendJSON(dst []byte) ([]byte, error) {
	if v.plain {
		return jsontext.AppendQuote(dst, v.raw)
	}
	if v.kind == kindBlocked {
		return dst, errBlocked
	}
	return append(dst, v.raw...), nil
}

// Text is the text of a string, a number or a boolean. It reports false for anything else.
func (v Value) Text() (string, bool) {
	text, err := v.AppendText(nil)
	return string(text), err == nil
}

// IsList reports whether the value is a list.
func (v Value) IsList() bool { return v.kind == jsontext.KindBeginArray }

// Elements calls f for each element of a list; for nothing else there is none.
func (v Value) Elements(f func(element Value)) {
	if v.IsList() {
		v.elements(func(_ int, element Value) bool {
			f(element)
			return true
		})
	}
}

// Member is the member of an object with a key; missing for anything else.
func (v Value) Member(key string) Value { return v.step(expr.Step{Key: key, Index: -1}) }

// describe says what a value is, for reports: its kind and size, never its content.
func (v Value) describe() string {
	switch v.kind {
	case jsontext.KindString:
		return "text"
	case jsontext.KindNumber:
		if isWholeLiteral(v.raw) {
			return "a whole number"
		}
		return "a number with a fraction or exponent"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "a list"
	case kindBlocked:
		return "something else than an object above it"
	default:
		return "nothing"
	}
}

// elements calls f for each element of a list, in order, until f returns false.
func (v Value) elements(f func(index int, element Value) bool) {
	decoder := newSubDecoder(v.raw)
	for index := 0; decoder.PeekKind() != jsontext.KindEndArray; index++ {
		raw, err := decoder.ReadValue()
		if err != nil || !f(index, jsonValue(raw)) {
			return
		}
	}
}

// members calls f for each member of an object, in order, until f returns false. A key is valid only during the call.
func (v Value) members(f func(key []byte, member Value) bool) {
	decoder := newSubDecoder(v.raw)
	var name []byte
	for decoder.PeekKind() == jsontext.KindString {
		quoted, err := decoder.ReadValue()
		if err != nil {
			return
		}
		if name, err = jsontext.AppendUnquote(name[:0], quoted); err != nil {
			return
		}
		raw, err := decoder.ReadValue()
		if err != nil || !f(name, jsonValue(raw)) {
			return
		}
	}
}
