package projection

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Body is a JSON tree with holes, to be sent. Exactly one of its parts is used: Fields if it is an object, Items if it is
// a list, From if it is a value.
type Body struct {
	Kind   BodyKind
	Fields []BodyField
	Items  []*Body
	From   Operand
}

// BodyKind says what a Body is.
type BodyKind int

// The kinds of bodies.
const (
	BodyValue BodyKind = iota
	BodyObject
	BodyList
)

// BodyField is one member of an object.
type BodyField struct {
	Key   string
	Value *Body
}

// Append appends the JSON text. A member or an element whose value is missing is left out; ok is false if the whole body
// is missing.
func (b *Body) Append(dst []byte, scope *Scope) (_ []byte, ok bool, err error) {
	switch b.Kind {
	case BodyObject:
		dst, err = b.appendObject(dst, scope)
		return dst, true, err
	case BodyList:
		dst, err = b.appendList(dst, scope)
		return dst, true, err
	default:
		return b.appendValue(dst, scope)
	}
}

func (b *Body) appendValue(dst []byte, scope *Scope) ([]byte, bool, error) {
	value, err := b.From.Value(scope)
	if err != nil || value.Missing() {
		return dst, false, err
	}
	if dst, err = value.appendJSON(dst); err != nil {
		return dst, false, fmt.Errorf("write %s: %w", b.From, err)
	}
	return dst, true, nil
}

func (b *Body) appendObject(dst []byte, scope *Scope) ([]byte, error) {
	dst = append(dst, '{')
	first := len(dst)
	for _, field := range b.Fields {
		begin := len(dst)
		if begin > first {
			dst = append(dst, ',')
		}
		var ok bool
		var err error
		if dst, err = appendKey(dst, field.Key); err == nil {
			dst, ok, err = field.Value.Append(dst, scope)
		}
		if err != nil {
			return dst, err
		}
		if !ok {
			dst = dst[:begin]
		}
	}
	return append(dst, '}'), nil
}

func appendKey(dst []byte, key string) ([]byte, error) {
	dst, err := jsontext.AppendQuote(dst, key)
	if err != nil {
		return dst, fmt.Errorf("write key %q: %w", key, err)
	}
	return append(dst, ':'), nil
}

func (b *Body) appendList(dst []byte, scope *Scope) ([]byte, error) {
	dst = append(dst, '[')
	first := len(dst)
	for _, item := range b.Items {
		begin := len(dst)
		if begin > first {
			dst = append(dst, ',')
		}
		var ok bool
		var err error
		if dst, ok, err = item.Append(dst, scope); err != nil {
			return dst, err
		}
		if !ok {
			dst = dst[:begin]
		}
	}
	return append(dst, ']'), nil
}
