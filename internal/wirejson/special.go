package wirejson

import (
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// special is what writes a well-known type; nil for any other. As for protojson, Empty is none.
func special(name protoreflect.FullName) func(*run, *message, []byte) bool {
	if name.Parent() != "google.protobuf" {
		return nil
	}
	switch name.Name() {
	case "Any":
		return writeAny
	case "Timestamp":
		return writeTimestamp
	case "Duration":
		return writeDuration
	case "FieldMask":
		return writeFieldMask
	case "Struct", "ListValue":
		return writeCollection
	case "Value":
		return writeValue
	case "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue":
		return writeWrapper
	default:
		return nil
	}
}

// two reads a message whose only fields are those with the numbers 1 and 2, in this order.
func (m *message) two(wire []byte) (first, second value, ok bool) {
	if wire, ok = m.field(1).readIf(wire, &first); !ok {
		return first, second, false
	}
	wire, ok = m.field(2).readIf(wire, &second)
	return first, second, ok && len(wire) == 0
}

// writeWrapper writes the value of a wrapper, which is zero if it is left out.
func writeWrapper(r *run, m *message, wire []byte) bool {
	var v value
	f := m.field(1)
	rest, ok := f.readIf(wire, &v)
	return ok && len(rest) == 0 && r.value(f, v)
}

// writeCollection writes a Struct or a ListValue, whose only field is a map or a list.
func writeCollection(r *run, m *message, wire []byte) bool {
	return r.collection(m.field(1), wire) == len(wire)
}

// writeValue writes a Value, one of whose fields is set. JSON has no number that is none or infinite.
func writeValue(r *run, m *message, wire []byte) bool {
	if len(wire) == 0 {
		return false
	}
	tag, size := consumeTag(wire)
	if size < 0 {
		return false
	}
	f := m.field(tag.number())
	if f == nil {
		return false
	}
	v, taken := f.read(tag, wire[size:])
	if taken < 0 || size+taken != len(wire) {
		return false
	}
	if number := math.Float64frombits(v.number); f.kind == protoreflect.DoubleKind && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return false
	}
	return r.value(f, v)
}
