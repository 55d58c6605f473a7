package wirejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Writer writes messages of one type. It is safe for concurrent use.
type Writer struct {
	types      *Types
	descriptor protoreflect.MessageDescriptor
	message    *message
}

// Writer is that of a type.
func (t *Types) Writer(of protoreflect.MessageDescriptor) *Writer {
	return &Writer{types: t, descriptor: of, message: t.message(of)}
}

// Append appends the JSON of a message in wire bytes to dst. It fails where proto.Unmarshal or protojson.Marshal do.
func (w *Writer) Append(dst, wire []byte) ([]byte, error) {
	if written, ok := w.append(dst, wire); ok {
		return written, nil
	}
	return w.build(dst, wire)
}

// append reports false for what is left to protojson.
func (w *Writer) append(dst, wire []byte) ([]byte, bool) {
	r, _ := w.types.runs.Get().(*run)
	if r == nil {
		r = &run{types: w.types}
	}
	r.dst = slices.Grow(dst, len(wire)+len(wire)/2) // JSON is one to two times as long
	ok := r.message(w.message, wire)
	written := r.dst
	if r.reset() {
		w.types.runs.Put(r)
	}
	return written, ok
}

// build appends what protojson makes of the message.
func (w *Writer) build(dst, wire []byte) (_ []byte, err error) {
	defer func() {
		if recover() != nil { // Protobuf's decoder of dynamic messages panics at a map's entry whose second key is of another wire type
			err = errors.New("read message: it cannot be read")
		}
	}()
	built := dynamicpb.NewMessage(w.descriptor)
	if err := (proto.UnmarshalOptions{Resolver: w.types.resolver}).Unmarshal(wire, built); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	raw, err := protojson.MarshalOptions{Resolver: w.types.resolver}.Marshal(built)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	compact := bytes.NewBuffer(dst)
	if err := json.Compact(compact, raw); err != nil { // protojson varies its spaces on purpose
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return compact.Bytes(), nil
}

// run is one message being written.
type run struct {
	types *Types
	dst   []byte
	depth int
	// spans are where the fields of the messages around stand in dst; entries are those of the maps around.
	spans   []span
	entries []entry
	// moved is used while fields are put in order.
	moved []byte
}

// reset forgets the message, and reports whether the run is small enough to be kept.
func (r *run) reset() bool {
	const (
		maxParts = 1 << 10
		maxMoved = 64 << 10
	)
	clear(r.entries) // they refer to wire bytes
	r.dst, r.depth, r.spans, r.entries, r.moved = nil, 0, r.spans[:0], r.entries[:0], r.moved[:0]
	return cap(r.spans) <= maxParts && cap(r.entries) <= maxParts && cap(r.moved) <= maxMoved
}

// maxDepth bounds how deep messages are nested, as other implementations of Protobuf do. What is deeper is left to protojson.
const maxDepth = 100

func (r *run) message(m *message, wire []byte) bool {
	if r.depth == maxDepth {
		return false
	}
	r.depth++
	ok := m.write(r, m, wire)
	r.depth--
	return ok
}

// leave leaves a message to protojson.
func leave(*run, *message, []byte) bool { return false }
