package wirejson

import (
	"bytes"
	"cmp"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// entry is an entry of a map.
type entry struct{ key, value value }

// entriesOf appends the map that wire begins with, sorted by keys. A key that stands there twice is left to protojson.
func (r *run) entriesOf(f *field, wire []byte) int {
	base := len(r.entries)
	taken := r.gather(f, wire)
	if taken < 0 {
		return -1
	}
	compare := f.key.compare()
	slices.SortFunc(r.entries[base:], compare)
	r.dst = append(r.dst, '{')
	for i := base; i < len(r.entries); i++ { // values may have maps, whose entries come behind these
		one := r.entries[i]
		if i > base && compare(r.entries[i-1], one) == 0 || !r.entry(f, one) {
			return -1
		}
	}
	r.end('}')
	clear(r.entries[base:]) // they refer to wire bytes
	r.entries = r.entries[:base]
	return taken
}

// gather reads the entries that wire begins with.
func (r *run) gather(f *field, wire []byte) int {
	length := len(wire)
	for len(wire) > 0 {
		tag, size := consumeTag(wire)
		if size < 0 || tag.number() != f.number {
			break
		}
		if tag.wire() != protowire.BytesType {
			return -1
		}
		content, taken := protowire.ConsumeBytes(wire[size:])
		one, ok := f.entry(content)
		if taken < 0 || !ok {
			return -1
		}
		r.entries = append(r.entries, one)
		wire = wire[size+taken:]
	}
	return length - len(wire)
}

// entry reads an entry. It reports false for one that is not a key and then a value, both of which may be left out.
func (f *field) entry(wire []byte) (entry, bool) {
	one := entry{value: value{number: f.value.initial}}
	var ok bool
	if wire, ok = f.key.readIf(wire, &one.key); !ok {
		return one, false
	}
	wire, ok = f.value.readIf(wire, &one.value)
	return one, ok && len(wire) == 0
}

// readIf reads a value if wire begins with it, and returns what is behind. It reports false if it cannot.
func (f *field) readIf(wire []byte, v *value) ([]byte, bool) {
	if len(wire) == 0 {
		return wire, true
	}
	tag, size := consumeTag(wire)
	if size < 0 || tag.number() != f.number {
		return wire, size >= 0
	}
	read, taken := f.read(tag, wire[size:])
	if taken < 0 {
		return wire, false
	}
	*v = read
	return wire[size+taken:], true
}

func (r *run) entry(f *field, one entry) bool {
	if !r.key(f.key, one.key) {
		return false
	}
	r.dst = append(r.dst, ':')
	if !r.value(f.value, one.value) {
		return false
	}
	r.dst = append(r.dst, ',')
	return true
}

// key appends the key of an entry, which is text whatever its type.
func (r *run) key(f *field, v value) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(v.content)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		r.number(f, v.number) // which is text already
	default:
		r.dst = append(r.dst, '"')
		r.number(f, v.number)
		r.dst = append(r.dst, '"')
	}
	return true
}

// compare is the order of keys of a type.
func (f *field) compare() func(a, b entry) int {
	switch f.kind {
	case protoreflect.StringKind:
		return func(a, b entry) int { return bytes.Compare(a.key.content, b.key.content) }
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return func(a, b entry) int { return cmp.Compare(int64(a.key.number), int64(b.key.number)) }
	default:
		return func(a, b entry) int { return cmp.Compare(a.key.number, b.key.number) }
	}
}
