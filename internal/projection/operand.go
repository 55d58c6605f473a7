package projection

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Operand is where a value comes from.
type Operand interface {
	// Value is the operand's value now. The error says why an expression cannot work with the values it met; it is a
	// drift of the answers that the expression reads.
	Value(scope *Scope) (Value, error)
	// String is the operand as its author wrote it.
	String() string
}

// Answer takes the value at a path of an answer or of a loop's element.
type Answer struct {
	Place
	// Path is the path as written.
	Path expr.Path
	// Origin is the path from the call's name on; the index of each loop's element stands as [], and Loops are the depths
	// of those loops in order.
	Origin string
	Loops  []int
}

// Value implements Operand.
func (a *Answer) Value(scope *Scope) (Value, error) { return scope.find(a.Place), nil }

func (a *Answer) String() string { return a.Path.String() }

// Request takes a field of the request.
type Request struct {
	Fields []protoreflect.FieldDescriptor
	Path   expr.Path
}

// Value implements Operand.
func (r *Request) Value(scope *Scope) (Value, error) {
	message := scope.Request
	last := len(r.Fields) - 1
	for _, field := range r.Fields[:last] {
		if !message.Has(field) {
			return Value{}, nil
		}
		message = message.Get(field).Message()
	}
	return requestValue(message, r.Fields[last])
}

func (r *Request) String() string { return r.Path.String() }

// Constant is a value that is known before the first request.
type Constant struct {
	value Value
	text  string
}

// NewConstant is the constant of a JSON text.
func NewConstant(raw []byte) *Constant { return &Constant{value: jsonValue(raw), text: string(raw)} }

// Value implements Operand.
func (c *Constant) Value(*Scope) (Value, error) { return c.value, nil }

func (c *Constant) String() string { return c.text }

// Text is a text with holes. It has no value while one of its holes has none.
type Text struct {
	// Parts alternate freely: a part is its operand, or its literal if the operand is nil.
	Parts []TextPart
	// Source is the text as written.
	Source string
	// Strict is set if a hole takes only what AppendName does.
	Strict bool
}

// TextPart is a piece of a Text.
type TextPart struct {
	Literal string
	Hole    Operand
}

// Value implements Operand.
func (t *Text) Value(scope *Scope) (Value, error) {
	var text []byte
	for _, part := range t.Parts {
		if part.Hole == nil {
			text = append(text, part.Literal...)
			continue
		}
		value, err := part.Hole.Value(scope)
		if err != nil || value.Missing() {
			return Value{}, err
		}
		appendValue := Value.AppendText
		if t.Strict {
			appendValue = Value.AppendName
		}
		if text, err = appendValue(value, text); err != nil {
			return Value{}, fmt.Errorf("fill ${%s}: %w", part.Hole, err)
		}
	}
	return plainString(text), nil
}

func (t *Text) String() string { return t.Source }
