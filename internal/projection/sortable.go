package projection

import (
	"cmp"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// sortable is a field's value in a form that can be compared with others of the same field. The zero sortable is a field
// that is not there, which compares as zero does.
type sortable struct {
	whole    int64
	nanos    int64 // of a time or a duration, with the sign of the whole seconds
	unsigned uint64
	fraction float64
	text     string
}

func (s sortable) compare(t sortable) int {
	return cmp.Or(cmp.Compare(s.whole, t.whole), cmp.Compare(s.nanos, t.nanos), cmp.Compare(s.unsigned, t.unsigned), cmp.Compare(s.fraction, t.fraction), cmp.Compare(s.text, t.text))
}

// IsOrdered reports whether elements can be sorted by a field.
func IsOrdered(field protoreflect.FieldDescriptor) bool {
	if field.IsList() || field.IsMap() || field.Kind() == protoreflect.BytesKind {
		return false
	}
	if message := field.Message(); message != nil {
		return message.FullName() == "google.protobuf.Timestamp" || message.FullName() == "google.protobuf.Duration"
	}
	return true
}

// readSortable reads a field's value, without its tag.
func readSortable(field protoreflect.FieldDescriptor, wireType protowire.Type, wire []byte) sortable {
	switch wireType {
	case protowire.VarintType:
		number, _ := protowire.ConsumeVarint(wire)
		return varintSortable(field.Kind(), number)
	case protowire.Fixed32Type:
		bits, _ := protowire.ConsumeFixed32(wire)
		if field.Kind() == protoreflect.FloatKind {
			return sortable{fraction: float64(math.Float32frombits(bits))}
		}
		return fixedSortable(field.Kind(), uint64(bits))
	case protowire.Fixed64Type:
		bits, _ := protowire.ConsumeFixed64(wire)
		if field.Kind() == protoreflect.DoubleKind {
			return sortable{fraction: math.Float64frombits(bits)}
		}
		return fixedSortable(field.Kind(), bits)
	default:
		content, _ := protowire.ConsumeBytes(wire)
		if field.Message() != nil {
			return timeSortable(content)
		}
		return sortable{text: string(content)}
	}
}

func varintSortable(kind protoreflect.Kind, number uint64) sortable {
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return sortable{unsigned: number}
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return sortable{whole: protowire.DecodeZigZag(number)}
	default:
		return sortable{whole: int64(number)}
	}
}

func fixedSortable(kind protoreflect.Kind, bits uint64) sortable {
	switch kind {
	case protoreflect.Sfixed64Kind:
		return sortable{whole: int64(bits)}
	case protoreflect.Sfixed32Kind:
		return sortable{whole: int64(int32(bits))}
	default:
		return sortable{unsigned: bits}
	}
}

// timeSortable reads seconds and nanos, which Timestamp and Duration have as fields 1 and 2.
func timeSortable(wire []byte) sortable {
	var read sortable
	for rest := wire; len(rest) > 0; {
		number, _, tag := protowire.ConsumeTag(rest)
		size := fieldSize(rest)
		value, _ := protowire.ConsumeVarint(rest[tag:size])
		if number == 1 {
			read.whole = int64(value)
		} else {
			read.nanos = int64(value)
		}
		rest = rest[size:]
	}
	return read
}
