package bounds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// CheckJSON refuses a message in protobuf's JSON mapping that holds more than it may, or that is no JSON. Whether its values are of
// the right types is not looked at; what is not known to the contract counts as if it were free-form.
func (b Bounds) CheckJSON(of *Message, data []byte) error {
	if b.coversAny(data) {
		return nil
	}
	text := texts.Get().(*text)
	defer texts.Put(text)
	text.count = count{Bounds: b}
	text.decoder.Reset(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)) // whoever builds the message refuses them
	defer text.decoder.Reset(new(bytes.Buffer))
	err := text.read(of, 1)
	if broken, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("syntax error at byte %d: %w", broken.ByteOffset, broken.Err)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("syntax error: unexpected end")
	}
	return err
}

// coversAny reports whether no JSON with as many signs can hold more than it may. Before each value stands one of ,:[{ or nothing;
// a value is at most two messages and two elements, and an opening begins at most two levels. Most requests need no closer look.
func (b Bounds) coversAny(data []byte) bool {
	const most = 2
	openings := bytes.Count(data, []byte("{")) + bytes.Count(data, []byte("["))
	values := 1 + openings
	for _, sign := range []string{",", ":", "\\"} { // an escape can be a comma of a mask
		values += bytes.Count(data, []byte(sign))
	}
	return most*values <= b.Elements && most*openings+1 <= b.Depth
}

// texts reuses decoders, which keep buffers of their own.
var texts = sync.Pool{New: func() any { return &text{decoder: jsontext.NewDecoder(new(bytes.Buffer))} }}

// text counts a message in JSON.
type text struct {
	count

	decoder *jsontext.Decoder
	name    []byte
}

// read counts a message of a level.
func (t *text) read(of *Message, level int) error {
	kind := t.decoder.PeekKind()
	if kind == 'n' && of.form != anyValue {
		return t.decoder.SkipValue() // no message
	}
	switch {
	case of.form == anyValue, of.form == typed, of.form == anObject && kind == '[':
		return t.free(level)
	case of.form == aMask && kind == '"':
		return t.mask(level)
	}
	if err := t.message(level); err != nil {
		return err
	}
	switch {
	case of.form == freeObject || of.form == freeList:
		return t.inside(level)
	case of.form == anObject && kind == '{':
		return t.members(of, level)
	default: // a number, a text, or something that is no message
		return t.scalar(level)
	}
}

// members counts what is in an object.
func (t *text) members(of *Message, level int) error {
	if _, err := t.decoder.ReadToken(); err != nil {
		return err
	}
	for t.decoder.PeekKind() != '}' {
		f, err := t.member(of)
		if err != nil {
			return err
		}
		if err := t.field(f, level); err != nil {
			return err
		}
	}
	_, err := t.decoder.ReadToken()
	return err
}

// member reads the name of a field; nil for one that is not known.
func (t *text) member(of *Message) (*field, error) {
	name, err := t.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(name, '\\') < 0 {
		return of.names[string(name[1:len(name)-1])], nil
	}
	t.name, err = jsontext.AppendUnquote(t.name[:0], name)
	return of.names[string(t.name)], err
}

// field counts the value of a field, which is nil for one that is not known.
func (t *text) field(f *field, level int) error {
	kind := t.decoder.PeekKind()
	switch {
	case f == nil, kind == '{' && !f.isMap && f.message == nil, kind == '[' && !f.isList && f.message == nil:
		return t.free(level + 1)
	case kind == '[' && f.isList, kind == '{' && f.isMap:
		return t.elements(f, level)
	case f.message != nil && !f.isList && !f.isMap:
		return t.read(f.message, level+1)
	default:
		return t.scalar(level)
	}
}

// elements counts a list or a map.
func (t *text) elements(f *field, level int) error {
	return t.each(func() error {
		if err := t.element(1); err != nil {
			return err
		}
		if f.message != nil {
			return t.read(f.message, level+1)
		}
		return t.scalar(level)
	})
}

// each calls f before each value in a list or an object.
func (t *text) each(f func() error) error {
	opening, err := t.decoder.ReadToken()
	if err != nil {
		return err
	}
	isObject := opening.Kind() == '{'
	for {
		if kind := t.decoder.PeekKind(); kind == '}' || kind == ']' {
			_, err := t.decoder.ReadToken()
			return err
		}
		if isObject {
			if err := t.decoder.SkipValue(); err != nil { // the name
				return err
			}
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// scalar skips a value that is neither list nor object, and counts as free-form what is one in the wrong place.
func (t *text) scalar(level int) error {
	if kind := t.decoder.PeekKind(); kind == '{' || kind == '[' {
		return t.free(level + 1)
	}
	return t.decoder.SkipValue()
}

// free counts a value that is a google.protobuf.Value, or like one.
func (t *text) free(level int) error {
	if err := t.message(level); err != nil {
		return err
	}
	if kind := t.decoder.PeekKind(); kind != '{' && kind != '[' {
		return t.decoder.SkipValue()
	}
	if err := t.message(level + 1); err != nil {
		return err
	}
	return t.inside(level + 1)
}

// inside counts what is in a google.protobuf.Struct or ListValue of a level.
func (t *text) inside(level int) error {
	if kind := t.decoder.PeekKind(); kind != '{' && kind != '[' {
		return t.decoder.SkipValue()
	}
	return t.each(func() error {
		if err := t.element(1); err != nil {
			return err
		}
		return t.free(level + 1)
	})
}

// mask counts a google.protobuf.FieldMask.
func (t *text) mask(level int) error {
	if err := t.message(level); err != nil {
		return err
	}
	paths, err := t.decoder.ReadValue()
	if err != nil || len(paths) == len(`""`) {
		return err
	}
	return t.element(1 + bytes.Count(paths, []byte(",")) + bytes.Count(paths, []byte(`\`))) // an escape can be a comma
}
