package wirejson

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// span is where a field stands in what is written: with its name and a comma, or empty for one that is left out.
type span struct {
	index      int32
	begin, end int
}

// writeObject writes a message as an object of its fields.
func writeObject(r *run, m *message, wire []byte) bool {
	r.dst = append(r.dst, '{')
	if !r.members(m, wire) {
		return false
	}
	r.end('}')
	return true
}

// end ends an object or a list, perhaps instead of the comma behind its last value.
func (r *run) end(sign byte) {
	if last := len(r.dst) - 1; r.dst[last] == ',' {
		r.dst[last] = sign
		return
	}
	r.dst = append(r.dst, sign)
}

// members appends the fields of a message, each with a comma behind it, in the order of the contract.
func (r *run) members(m *message, wire []byte) bool {
	base := len(r.spans)
	var met uint64
	inOrder, last := true, int32(-1)
	for len(wire) > 0 {
		tag, size := consumeTag(wire)
		if size < 0 {
			return false
		}
		f := m.field(tag.number())
		if f == nil {
			skipped := m.skip(tag, wire[size:])
			if skipped < 0 {
				return false
			}
			wire = wire[size+skipped:]
			continue
		}
		if met&f.mark != 0 {
			return false
		}
		met |= f.mark
		begin := len(r.dst)
		taken := r.field(f, tag, size, wire)
		if taken < 0 {
			return false
		}
		wire = wire[taken:]
		inOrder, last = inOrder && f.index > last, f.index
		r.spans = append(r.spans, span{f.index, begin, len(r.dst)})
	}
	if met&m.required != m.required || !inOrder && !r.order(r.spans[base:]) {
		return false
	}
	r.spans = r.spans[:base]
	return true
}

// skip is the length of a field that is not known, or negative. It may be an extension, which is left to protojson.
func (m *message) skip(tag tag, wire []byte) int {
	if tag.number() > protowire.MaxValidNumber || m.extensions.Has(tag.number()) {
		return -1
	}
	return protowire.ConsumeFieldValue(tag.number(), tag.wire(), wire)
}

// order puts fields in the order of the contract. It reports false if one stands there twice.
func (r *run) order(spans []span) bool {
	begin := spans[0].begin
	slices.SortFunc(spans, func(a, b span) int { return int(a.index - b.index) })
	r.moved = append(r.moved[:0], r.dst[begin:]...)
	r.dst = r.dst[:begin]
	for i, s := range spans {
		if i > 0 && s.index == spans[i-1].index {
			return false
		}
		r.dst = append(r.dst, r.moved[s.begin-begin:s.end-begin]...)
	}
	return true
}

// field appends a field, and for a list or a map all that follows of it. It returns the length of that from its first tag, or a
// negative one for what is left to protojson.
func (r *run) field(f *field, tag tag, size int, wire []byte) int {
	if f.isList || f.key != nil {
		return r.repeated(f, wire)
	}
	v, taken := f.read(tag, wire[size:])
	if taken < 0 {
		return -1
	}
	if f.isImplicit && v.number == 0 && len(v.content) == 0 {
		return size + taken
	}
	r.dst = append(r.dst, f.name...)
	if !r.value(f, v) {
		return -1
	}
	r.dst = append(r.dst, ',')
	return size + taken
}

// repeated appends a list or a map, unless it is empty.
func (r *run) repeated(f *field, wire []byte) int {
	begin := len(r.dst)
	r.dst = append(r.dst, f.name...)
	named := len(r.dst)
	taken := r.collection(f, wire)
	if len(r.dst) == named+len("[]") {
		r.dst = r.dst[:begin]
		return taken
	}
	r.dst = append(r.dst, ',')
	return taken
}

func (r *run) collection(f *field, wire []byte) int {
	if f.isList {
		return r.list(f, wire)
	}
	return r.entriesOf(f, wire)
}

// list appends the elements that wire begins with, which may be none.
func (r *run) list(f *field, wire []byte) int {
	length := len(wire)
	r.dst = append(r.dst, '[')
	for len(wire) > 0 {
		tag, size := consumeTag(wire)
		if size < 0 || tag.number() != f.number {
			break
		}
		taken := r.elements(f, tag, wire[size:])
		if taken < 0 {
			return -1
		}
		wire = wire[size+taken:]
	}
	r.end(']')
	return length - len(wire)
}

// elements appends one element, or those that are packed together.
func (r *run) elements(f *field, tag tag, wire []byte) int {
	if f.isPackable && tag.wire() == protowire.BytesType {
		return r.packed(f, wire)
	}
	v, taken := f.read(tag, wire)
	if taken < 0 || !r.value(f, v) {
		return -1
	}
	r.dst = append(r.dst, ',')
	return taken
}

func (r *run) packed(f *field, wire []byte) int {
	content, taken := protowire.ConsumeBytes(wire)
	if taken < 0 {
		return -1
	}
	for len(content) > 0 {
		v, size := f.readScalar(content)
		if size < 0 {
			return -1
		}
		r.number(f, v)
		r.dst = append(r.dst, ',')
		content = content[size:]
	}
	return taken
}
