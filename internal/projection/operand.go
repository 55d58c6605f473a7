package projection

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
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
	if len(r.Fields) == 0 {
		raw, err := appendMessage(nil, message)
		return jsonValue(raw), err
	}
	last := len(r.Fields) - 1
	for _, field := range r.Fields[:last] {
		if !message.Has(field) {
			return Value{}, nil
		}
		message = message.Get(field).Message()
	}
	return requestValue(message, r.Fields[last])
}

// message is the message that the path leads to, or nil if one on the way is unset.
func (r *Request) message(message protoreflect.Message) protoreflect.Message {
	for _, field := range r.Fields {
		if !message.Has(field) {
			return nil
		}
		message = message.Get(field).Message()
	}
	return message
}

func (r *Request) String() string { return r.Path.String() }

// LoopField takes a field of the message that a loop stands on.
type LoopField struct {
	Loop   int
	Fields []protoreflect.FieldDescriptor
	Path   expr.Path
}

// Value implements Operand.
func (e *LoopField) Value(scope *Scope) (Value, error) {
	standing, ok := scope.loops[e.Loop].value.(ref.Val)
	if !ok {
		return Value{}, nil
	}
	message, ok := standing.Value().(proto.Message)
	if !ok {
		return Value{}, fmt.Errorf("read %s: element is no message", e.Path)
	}
	within := Request{Fields: e.Fields}
	return within.Value(&Scope{Request: message.ProtoReflect()})
}

func (e *LoopField) String() string { return e.Path.String() }

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
	// Strict is set if a hole takes only what Name does.
	Strict bool
}

// First takes the first of several values that there is.
type First struct {
	Of []Operand
}

// Value implements Operand.
func (f *First) Value(scope *Scope) (Value, error) {
	for _, operand := range f.Of {
		if value, err := operand.Value(scope); err != nil || !value.Missing() {
			return value, err
		}
	}
	return Value{}, nil
}

func (f *First) String() string {
	names := make([]string, len(f.Of))
	for i, operand := range f.Of {
		names[i] = operand.String()
	}
	return "first of " + strings.Join(names, ", ")
}

// Guarded takes a value only where a condition holds.
type Guarded struct {
	When, From Operand
}

// Value implements Operand.
func (g *Guarded) Value(scope *Scope) (Value, error) {
	if holds, err := Holds(g.When, scope); err != nil || !holds {
		return Value{}, err
	}
	return g.From.Value(scope)
}

func (g *Guarded) String() string { return g.From.String() + " if " + g.When.String() }

// Holds reports whether a condition is true. One that looks at a value that is missing is not.
func Holds(condition Operand, scope *Scope) (bool, error) {
	value, err := condition.Value(scope)
	if err != nil {
		return false, err
	}
	switch value.kind {
	case jsontext.KindTrue:
		return true, nil
	case jsontext.KindFalse, jsontext.KindInvalid:
		return false, nil
	default:
		return false, fmt.Errorf("condition %s gave %s, not true or false", condition, value.describe())
	}
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
		asText := Value.asText
		if t.Strict {
			asText = Value.Name
		}
		piece, err := asText(value)
		if err != nil {
			return Value{}, fmt.Errorf("fill ${%s}: %w", part.Hole, err)
		}
		text = append(text, piece...)
	}
	return plainString(text), nil
}

func (t *Text) String() string { return t.Source }

func (t *Text) holes() []Operand {
	var holes []Operand
	for _, part := range t.Parts {
		if part.Hole != nil {
			holes = append(holes, part.Hole)
		}
	}
	return holes
}
