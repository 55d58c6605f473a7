package projection

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Part is a member that an expression selects, and what it selects of it in turn.
type Part struct {
	Key  string
	Slot int
	// Parts is empty for a member that is needed as a whole.
	Parts []Part
}

// KeepParts asks for the values at some paths, and of the objects on the way for no more than that they are such. It returns the
// frame's own slot. Without paths, all of it is kept.
func (f *Frame) KeepParts(paths [][]string) (slot int, parts []Part) {
	whole := f.part(nil, paths)
	return whole.Slot, whole.Parts
}

// part is what is at a path, of which only some paths are needed.
func (f *Frame) part(at []string, paths [][]string) Part {
	var part Part
	if len(at) > 0 {
		part.Key = at[len(at)-1]
	}
	if len(paths) == 0 || slices.ContainsFunc(paths, func(path []string) bool { return len(path) == 0 }) {
		part.Slot = f.Keep(at)
		return part
	}
	place := f.node.descend(at)
	if place.slot == 0 {
		place.slot = f.take()
	}
	place.inParts = true
	part.Slot = place.slot
	below := map[string][][]string{}
	var keys []string
	for _, path := range paths {
		if below[path[0]] == nil {
			keys = append(keys, path[0])
		}
		below[path[0]] = append(below[path[0]], path[1:])
	}
	for _, key := range keys {
		part.Parts = append(part.Parts, f.part(append(slices.Clone(at), key), below[key]))
	}
	return part
}

// partial is an object in a document of which only parts are known.
type partial struct {
	doc   *Document
	base  int
	parts []Part
}

// Part implements expr.Parts.
func (p partial) Part(name string) (any, bool) {
	for i := range p.parts {
		if part := &p.parts[i]; part.Key == name {
			return p.doc.part(p.base, part)
		}
	}
	return nil, false
}

// part is a value for expressions, in the frame at base.
func (d *Document) part(base int, part *Part) (any, bool) {
	found := d.spans[base+part.Slot]
	switch found.kind {
	case jsontext.KindInvalid, jsontext.KindNull:
		return nil, false
	case jsontext.KindBeginObject:
		if len(part.Parts) > 0 {
			return partial{doc: d, base: base, parts: part.Parts}, true
		}
		return d.taken(base+part.Slot, found), true
	case jsontext.KindBeginArray:
		return d.taken(base+part.Slot, found), true
	default: // nothing that is to be taken apart
		return expr.NewJSON(d.body[found.start:found.end]), true
	}
}
