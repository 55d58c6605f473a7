package projection

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/rawjson"
)

// Value is one JSON value on its way from a source to a field, a URL, a header or a body. The zero Value means that there
// is none: missing and null are one thing.
type Value struct {
	kind jsontext.Kind
	// raw is the JSON text; for a plain string, the content itself.
	raw   []byte
	plain bool
	// verbatim is set if the string is known to have no escapes.
	verbatim bool
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
	switch {
	case v.plain:
		return v.raw
	case v.verbatim:
		return v.raw[1 : len(v.raw)-1]
	default:
		return rawjson.Unquoted(v.raw)
	}
}

// isVerbatim reports whether a string stands as it is.
func (v Value) isVerbatim() bool {
	return v.plain || v.verbatim || bytes.IndexByte(v.raw, '\\') < 0
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
	walk := rawjson.Over(v.raw)
	for index := 0; walk.Next(); index++ {
		if !f(index, jsonValue(walk.Value)) {
			return
		}
	}
}

// members calls f for each member of an object, in order, until f returns false. A key is valid only during the call.
func (v Value) members(f func(key []byte, member Value) bool) {
	for walk := rawjson.Over(v.raw); walk.Next(); {
		if !f(rawjson.Unquoted(walk.Name), jsonValue(walk.Value)) {
			return
		}
	}
}
