package wirejson

import (
	"encoding/base64"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// tag is a field's number and wire type.
type tag uint64

func (t tag) number() protowire.Number { return protowire.Number(t >> 3) }
func (t tag) wire() protowire.Type     { return protowire.Type(t & 7) }

// consumeTag reads a tag. Its size is negative if it is none.
func consumeTag(wire []byte) (tag, int) {
	const more, smallest = 0x80, 1 << 3
	if first := wire[0]; first < more && first >= smallest {
		return tag(first), 1
	}
	number, kind, size := protowire.ConsumeTag(wire)
	return tag(protowire.EncodeTag(number, kind)), size
}

// value is a value of a field: the bits of a number as wide as its type, or the content of text, bytes or a message.
type value struct {
	number  uint64
	content []byte
}

// read reads a value behind its tag. The size is negative if it is of another wire type, or none.
func (f *field) read(tag tag, wire []byte) (v value, size int) {
	if tag.wire() != f.wire {
		return v, -1
	}
	switch f.wire {
	case protowire.BytesType:
		v.content, size = protowire.ConsumeBytes(wire)
	case protowire.StartGroupType:
		v.content, size = protowire.ConsumeGroup(f.number, wire)
	default:
		v.number, size = f.readScalar(wire)
	}
	return v, size
}

// readScalar reads a number.
func (f *field) readScalar(wire []byte) (number uint64, size int) {
	switch f.wire {
	case protowire.VarintType:
		number, size = protowire.ConsumeVarint(wire)
		return f.narrow(number), size
	case protowire.Fixed32Type:
		number, size := protowire.ConsumeFixed32(wire)
		return f.narrow(uint64(number)), size
	default:
		return protowire.ConsumeFixed64(wire)
	}
}

// narrow cuts a number to the width of its type, as Protobuf's decoders do.
func (f *field) narrow(number uint64) uint64 {
	switch f.kind {
	case protoreflect.BoolKind:
		return protowire.EncodeBool(protowire.DecodeBool(number))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return uint64(int64(int32(number)))
	case protoreflect.Uint32Kind:
		return uint64(uint32(number))
	case protoreflect.Sint32Kind:
		return uint64(int64(int32(protowire.DecodeZigZag(number & math.MaxUint32))))
	case protoreflect.Sint64Kind:
		return uint64(protowire.DecodeZigZag(number))
	default:
		return number
	}
}

// value appends a value. It reports false for what is left to protojson.
func (r *run) value(f *field, v value) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(v.content)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return r.message(f.message, v.content)
	case protoreflect.BytesKind:
		r.dst = append(r.dst, '"')
		r.dst = base64.StdEncoding.AppendEncode(r.dst, v.content)
		r.dst = append(r.dst, '"')
	default:
		r.number(f, v.number)
	}
	return true
}

// number appends a number, a boolean or an enum's value.
func (r *run) number(f *field, number uint64) {
	switch f.kind {
	case protoreflect.BoolKind:
		r.dst = strconv.AppendBool(r.dst, number != 0)
	case protoreflect.EnumKind:
		r.enum(f, protoreflect.EnumNumber(number))
	case protoreflect.FloatKind:
		r.dst = appendFloat(r.dst, float64(math.Float32frombits(uint32(number))), 32)
	case protoreflect.DoubleKind:
		r.dst = appendFloat(r.dst, math.Float64frombits(number), 64)
	default:
		r.integer(f.kind, number)
	}
}

// integer appends an integer: as text if it has 64 bits, since JSON's numbers are doubles for many readers.
func (r *run) integer(kind protoreflect.Kind, number uint64) {
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		r.dst = strconv.AppendUint(r.dst, number, 10)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		r.dst = append(r.dst, '"')
		r.dst = strconv.AppendUint(r.dst, number, 10)
		r.dst = append(r.dst, '"')
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		r.dst = append(r.dst, '"')
		r.dst = strconv.AppendInt(r.dst, int64(number), 10)
		r.dst = append(r.dst, '"')
	default:
		r.dst = strconv.AppendInt(r.dst, int64(number), 10)
	}
}

// enum appends the name of an enum's value, or its number if it has none.
func (r *run) enum(f *field, number protoreflect.EnumNumber) {
	name, isNamed := f.names[number]
	switch {
	case f.names == nil:
		r.dst = append(r.dst, "null"...)
	case isNamed:
		r.dst = append(r.dst, name...)
	default:
		r.dst = strconv.AppendInt(r.dst, int64(number), 10)
	}
}

// appendFloat appends a number of so many bits as protojson writes it, which is as ECMAScript does.
func appendFloat(dst []byte, number float64, bits int) []byte {
	switch {
	case math.IsNaN(number):
		return append(dst, `"NaN"`...)
	case math.IsInf(number, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(number, -1):
		return append(dst, `"-Infinity"`...)
	}
	if !hasExponent(math.Abs(number), bits) {
		return strconv.AppendFloat(dst, number, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, number, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-07 is written e-7
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// hasExponent reports whether a number is so small or so large that it is written with an exponent.
func hasExponent(number float64, bits int) bool {
	const least, most = 1e-6, 1e21
	switch {
	case number == 0:
		return false
	case bits == 32:
		return float32(number) < least || float32(number) >= most
	default:
		return number < least || number >= most
	}
}
