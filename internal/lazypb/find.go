package lazypb

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// isInWire reports whether a field can be read from the bytes: it is a single value, which the last one on the wire says, whatever else
// there is. Of the members of a oneof, each takes out the others.
func (m *Message) isInWire(field protoreflect.FieldDescriptor) bool {
	if m.wire == nil || field.Cardinality() == protoreflect.Repeated || field.Kind() == protoreflect.GroupKind {
		return false
	}
	oneof := field.ContainingOneof()
	return field.ContainingMessage() == m.descriptor && !field.IsExtension() && (oneof == nil || oneof.IsSynthetic())
}

// found is the last value of a field on the wire.
type found struct {
	// times is how often the field is there.
	times int
	// number is a number as it is on the wire, and content what else there is.
	number  uint64
	content []byte
}

// find looks for a field that is in the bytes. What has another wire type than the field is none of its values.
func (m *Message) find(field protoreflect.FieldDescriptor) found {
	var last found
	wanted, kind := field.Number(), wireType(field.Kind())
	for rest := m.wire; len(rest) > 0; {
		number, is, size := protowire.ConsumeTag(rest)
		if size < 0 {
			break // the bytes are known to be readable
		}
		value := rest[size:]
		if size = protowire.ConsumeFieldValue(number, is, value); size < 0 {
			break
		}
		rest = value[size:]
		if number == wanted && is == kind {
			last.times++
			last.take(kind, value)
		}
	}
	return last
}

func (f *found) take(kind protowire.Type, value []byte) {
	switch kind {
	case protowire.VarintType:
		f.number, _ = protowire.ConsumeVarint(value)
	case protowire.Fixed32Type:
		number, _ := protowire.ConsumeFixed32(value)
		f.number = uint64(number)
	case protowire.Fixed64Type:
		f.number, _ = protowire.ConsumeFixed64(value)
	default:
		f.content, _ = protowire.ConsumeBytes(value)
	}
}

// has reports whether the field is set: one without presence is if it is not zero.
func (f *found) has(field protoreflect.FieldDescriptor) bool {
	if f.times == 0 || field.HasPresence() {
		return f.times > 0
	}
	if kind := field.Kind(); kind == protoreflect.FloatKind || kind == protoreflect.DoubleKind {
		return f.number != 0 // -0 is set
	}
	return !f.value(field).Equal(field.Default())
}

// value is the field's value; its default if it is not there.
func (f *found) value(field protoreflect.FieldDescriptor) protoreflect.Value {
	if f.times == 0 {
		return field.Default()
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(protowire.DecodeBool(f.number))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.number))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(f.number))
	case protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(protowire.DecodeZigZag(f.number & math.MaxUint32)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(f.number))
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(f.number))
	case protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(protowire.DecodeZigZag(f.number))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(f.number)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(math.Float32frombits(uint32(f.number)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Float64frombits(f.number))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.content))
	default:
		return protoreflect.ValueOfBytes(f.content)
	}
}

// wireType is how single values of a kind are written.
func wireType(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	default:
		return protowire.VarintType
	}
}
