package projection

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

var errNotText = errors.New("a list or an object cannot stand in a text")

// AppendText appends the value as it stands in a URL, a header or a text: a string's content, a number's digits as they
// came, true or false.
func (v Value) AppendText(dst []byte) ([]byte, error) {
	text, err := v.asText()
	return append(dst, text...), err
}

// asText is what AppendText appends. It may be part of the answer or the request, so it is only to be read.
func (v Value) asText() ([]byte, error) {
	switch v.kind {
	case jsontext.KindString:
		return v.content(), nil
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		return v.raw, nil
	default:
		return nil, errNotText
	}
}

var errNotName = errors.New("only text and whole numbers can stand here")

// Name is the value as it stands in a path, or in a text that clients see: a string's content, or a whole number's digits. Anything else
// is most likely not what was meant there. It may be part of the answer or the request, so it is only to be read.
func (v Value) Name() ([]byte, error) {
	if v.kind == jsontext.KindString || v.kind == jsontext.KindNumber && isWholeLiteral(v.raw) {
		return v.asText()
	}
	return nil, errNotName
}

// Texts calls f with the text of the value, or of each element if it is a list. Elements that are null are left out. The text is only to
// be read, and only then.
func (v Value) Texts(f func(text []byte)) error {
	if v.kind != jsontext.KindBeginArray {
		text, err := v.asText()
		if err == nil {
			f(text)
		}
		return err
	}
	var failed error
	v.elements(func(_ int, element Value) bool {
		if element.Missing() {
			return true
		}
		var text []byte
		if text, failed = element.asText(); failed == nil {
			f(text)
		}
		return failed == nil
	})
	return failed
}
