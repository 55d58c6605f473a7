package projection

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Body is a JSON tree with holes, to be sent. Its parts are used by its kind.
type Body struct {
	Kind BodyKind
	// Fields are those of an object, Items the elements of a list that is written out.
	Fields []BodyField
	Items  []*Body
	// From is a single value.
	From Operand
	// Loop and Item are a list with one Item for each element.
	Loop *Loop
	Item *Body
	// When is the condition without which the value is left out; nil for none.
	When Operand
	// HasHoles is set if a value below depends on anything. An object or a list with holes of which none has a value is left
	// out.
	HasHoles bool
	// OmitEmpty is set if a list without elements is left out.
	OmitEmpty bool
}

// Varies reports whether the value depends on anything.
func (b *Body) Varies() bool { return b.HasHoles || b.When != nil }

// BodyKind says what a Body is.
type BodyKind int

// The kinds of bodies.
const (
	BodyValue BodyKind = iota
	BodyObject
	BodyList
	BodyEach
)

// BodyField is one member of an object.
type BodyField struct {
	Key   string
	Value *Body
}

// Append appends the JSON text. A member or an element whose value is missing is left out; ok is false if the whole body
// is missing.
func (b *Body) Append(dst []byte, scope *Scope) (_ []byte, ok bool, err error) {
	if b.When != nil {
		if holds, err := Holds(b.When, scope); err != nil || !holds {
			return dst, false, err
		}
	}
	switch b.Kind {
	case BodyObject:
		return b.appendObject(dst, scope)
	case BodyList:
		return b.appendList(dst, scope)
	case BodyEach:
		return b.appendEach(dst, scope)
	default:
		return b.appendValue(dst, scope)
	}
}

func (b *Body) appendValue(dst []byte, scope *Scope) ([]byte, bool, error) {
	value, err := b.From.Value(scope)
	if err != nil || value.Missing() {
		return dst, false, err
	}
	if dst, err = value.AppendJSON(dst); err != nil {
		return dst, false, fmt.Errorf("write %s: %w", b.From, err)
	}
	return dst, true, nil
}

func (b *Body) appendObject(dst []byte, scope *Scope) ([]byte, bool, error) {
	whole := len(dst)
	dst = append(dst, '{')
	first, filled := len(dst), !b.HasHoles
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
			return dst, false, err
		}
		if !ok {
			dst = dst[:begin]
		}
		filled = filled || ok && field.Value.Varies()
	}
	if !filled {
		return dst[:whole], false, nil
	}
	return append(dst, '}'), true, nil
}

func appendKey(dst []byte, key string) ([]byte, error) {
	dst, err := jsontext.AppendQuote(dst, key)
	if err != nil {
		return dst, fmt.Errorf("write key %q: %w", key, err)
	}
	return append(dst, ':'), nil
}

func (b *Body) appendList(dst []byte, scope *Scope) ([]byte, bool, error) {
	whole := len(dst)
	dst = append(dst, '[')
	filled := !b.HasHoles
	for _, item := range b.Items {
		var ok bool
		var err error
		if dst, ok, err = item.appendItem(dst, whole+1, scope); err != nil {
			return dst, false, err
		}
		filled = filled || ok && item.Varies()
	}
	if !filled {
		return dst[:whole], false, nil
	}
	return append(dst, ']'), true, nil
}

// appendItem appends an element of the list whose first element stands at first.
func (b *Body) appendItem(dst []byte, first int, scope *Scope) ([]byte, bool, error) {
	begin := len(dst)
	if begin > first {
		dst = append(dst, ',')
	}
	dst, ok, err := b.Append(dst, scope)
	if !ok {
		dst = dst[:begin]
	}
	return dst, ok, err
}

func (b *Body) appendEach(dst []byte, scope *Scope) ([]byte, bool, error) {
	whole := len(dst)
	dst = append(dst, '[')
	ok, instead, err := b.Loop.Each(scope, func() error {
		var err error
		dst, _, err = b.Item.appendItem(dst, whole+1, scope)
		return err
	}, Fail)
	if err == nil && instead != "" {
		err = fmt.Errorf("go over %s: expected a list, found %s", b.Loop.In, instead)
	}
	if err != nil || !ok || b.OmitEmpty && len(dst) == whole+1 {
		return dst[:whole], false, err
	}
	return append(dst, ']'), true, nil
}

// JSONText is a JSON tree as a text, for the places where one is sent inside a form or a text.
type JSONText struct {
	Body *Body
	// Source is what stands in the binding.
	Source string
}

// Value implements Operand.
func (j *JSONText) Value(scope *Scope) (Value, error) {
	text, ok, err := j.Body.Append(nil, scope)
	if err != nil || !ok {
		return Value{}, err
	}
	return plainString(text), nil
}

func (j *JSONText) String() string { return j.Source }
