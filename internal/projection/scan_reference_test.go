package projection

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// reference is the slow, obvious way to scan: token by token, with jsontext's own strictness.
type reference struct {
	body    []byte
	decoder *jsontext.Decoder
	spans   []span
}

// scanByTokens is what Shape.Scan has to agree with.
func scanByTokens(shape *Shape, body []byte) ([]span, error) {
	read := &reference{body: body, decoder: jsontext.NewDecoder(bytes.NewBuffer(body)), spans: make([]span, shape.root.size)}
	if err := read.value(shape.root.node, 0); err != nil {
		return nil, err
	}
	if _, err := read.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errTrailing, err)
	}
	return read.spans, nil
}

func (r *reference) value(place *node, base int) error {
	kind := r.decoder.PeekKind()
	descend := kind == jsontext.KindBeginObject && len(place.fields.all) > 0 || kind == jsontext.KindBeginArray && place.loop != nil
	var start int64
	if descend {
		if _, err := r.decoder.ReadToken(); err != nil {
			return err
		}
		start = r.decoder.InputOffset() - 1
		if err := r.children(kind, place, base); err != nil {
			return err
		}
	} else {
		value, err := r.decoder.ReadValue()
		if err != nil {
			return err
		}
		start = r.decoder.InputOffset() - int64(len(value))
	}
	found := span{start: int32(start), end: int32(r.decoder.InputOffset()), kind: kind}
	found.escaped = kind == jsontext.KindString && bytes.IndexByte(r.body[found.start:found.end], '\\') >= 0
	if place.slot != 0 {
		r.spans[base+place.slot] = found
	}
	if place.loop != nil && kind != jsontext.KindBeginArray {
		r.spans[base+place.loop.slot] = found
	}
	if kind != jsontext.KindBeginObject && kind != jsontext.KindNull {
		found.kind = kindBlocked
		r.block(place, base, found)
	}
	return nil
}

func (r *reference) block(place *node, base int, found span) {
	for _, field := range place.fields.all {
		if field.node.slot != 0 {
			r.spans[base+field.node.slot] = found
		}
		if field.node.loop != nil {
			r.spans[base+field.node.loop.slot] = found
		}
		r.block(field.node, base, found)
	}
}

func (r *reference) children(kind jsontext.Kind, place *node, base int) error {
	if kind == jsontext.KindBeginObject {
		return r.object(place, base)
	}
	return r.list(place.loop, base)
}

func (r *reference) object(place *node, base int) error {
	for r.decoder.PeekKind() != jsontext.KindEndObject {
		name, err := r.decoder.ReadToken()
		if err != nil {
			return err
		}
		child := place.named(name.String())
		if child == nil {
			err = r.decoder.SkipValue()
		} else {
			err = r.value(child, base)
		}
		if err != nil {
			return err
		}
	}
	_, err := r.decoder.ReadToken()
	return err
}

// named looks a field up in the obvious way.
func (n *node) named(key string) *node {
	for _, field := range n.fields.all {
		if field.key == key {
			return field.node
		}
	}
	return nil
}

func (r *reference) list(list *loop, base int) error {
	r.spans[base+list.slot] = span{kind: jsontext.KindBeginArray}
	for last := 0; r.decoder.PeekKind() != jsontext.KindEndArray; {
		frame := len(r.spans)
		r.spans = append(r.spans, make([]span, list.element.size)...)
		if last == 0 {
			r.spans[base+list.slot].start = int32(frame)
		} else {
			r.spans[last+linkSlot].start = int32(frame)
		}
		last = frame
		if err := r.value(list.element.node, frame); err != nil {
			return err
		}
	}
	_, err := r.decoder.ReadToken()
	return err
}
