package projection

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Concat fills a repeated field with the elements of several parts.
type Concat struct {
	Target
	// Parts append elements of the field, each with its tag.
	Parts []Rule
	// Order sorts the elements; nil leaves them in the order of the parts.
	Order Order
}

func (c *Concat) emit(dst []byte, run *run) ([]byte, outcome) {
	begin, result := len(dst), unset
	for _, part := range c.Parts {
		run.offset = countFields(dst[begin:])
		var one outcome
		dst, one = c.part(dst, run, part)
		result = max(result, one)
	}
	run.offset = 0
	if c.Order != nil {
		c.Order.sort(dst[begin:])
	}
	if c.Required && len(dst) == begin {
		run.reportAbsence(&c.Target, NewConstant([]byte("[]")), "a list with an element")
	}
	return dst, result
}

// part appends one part. A part that is a list counts its elements itself.
func (c *Concat) part(dst []byte, run *run, part Rule) ([]byte, outcome) {
	switch part.(type) {
	case *Each, *List:
		return part.emit(dst, run)
	}
	run.indices = append(run.indices, run.offset)
	defer func() { run.indices = run.indices[:len(run.indices)-1] }()
	run.offset = 0
	return part.emit(dst, run)
}

func countFields(wire []byte) int {
	count := 0
	for len(wire) > 0 {
		wire = wire[fieldSize(wire):]
		count++
	}
	return count
}

// fieldSize is the size of the first field, which this package has written itself.
func fieldSize(wire []byte) int {
	_, _, size := protowire.ConsumeField(wire)
	return max(1, size)
}

// Order is by which fields of an element elements are sorted, the first one first. Elements that are equal in all of them
// keep their order.
type Order []OrderKey

// OrderKey is one field to sort by. An element without it stands where zero or an empty text would.
type OrderKey struct {
	Field      protoreflect.FieldDescriptor
	Descending bool
}

// sort sorts the message elements of one repeated field in place.
func (o Order) sort(wire []byte) {
	type element struct {
		bytes []byte
		keys  []sortable
	}
	var elements []element
	for rest := wire; len(rest) > 0; {
		size := fieldSize(rest)
		field := slices.Clone(rest[:size])
		_, _, tag := protowire.ConsumeTag(field)
		content, _ := protowire.ConsumeBytes(field[tag:])
		elements = append(elements, element{bytes: field, keys: o.keys(content)})
		rest = rest[size:]
	}
	slices.SortStableFunc(elements, func(a, b element) int {
		for i, key := range o {
			if order := a.keys[i].compare(b.keys[i]); order != 0 {
				if key.Descending {
					return -order
				}
				return order
			}
		}
		return 0
	})
	at := 0
	for _, element := range elements {
		at += copy(wire[at:], element.bytes)
	}
}

func (o Order) keys(message []byte) []sortable {
	keys := make([]sortable, len(o))
	for rest := message; len(rest) > 0; {
		number, wireType, tag := protowire.ConsumeTag(rest)
		size := fieldSize(rest)
		for i, key := range o {
			if key.Field.Number() == number {
				keys[i] = readSortable(key.Field, wireType, rest[tag:size])
			}
		}
		rest = rest[size:]
	}
	return keys
}
