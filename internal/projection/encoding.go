package projection

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Encoding turns a JSON value into the wire bytes of one field, element or map entry of a certain type.
type Encoding struct {
	// Expected says what the JSON value has to be, for reports: "a whole number within int32".
	Expected string
	wire     protowire.Type
	// encode appends the value without its tag, but with its length where the wire type has one. It reports false if the
	// value cannot be held without loss; what it appended then means nothing.
	encode func(dst []byte, value Value) ([]byte, bool)
}

// Accepts reports whether a constant can be held.
func (e *Encoding) Accepts(constant *Constant) bool {
	_, ok := e.encode(nil, constant.value)
	return ok
}

// EncodingOf is the encoding of a field's type; of its elements if it is a list. It is nil for the types that have no
// JSON value of their own: messages of a contract, whose fields are bound one by one, and google.protobuf.Any.
func EncodingOf(field protoreflect.FieldDescriptor) *Encoding {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return messageEncoding(field.Message())
	case protoreflect.GroupKind:
		return nil
	case protoreflect.EnumKind:
		return enumByName(field.Enum())
	default:
		return scalars[field.Kind()]
	}
}

// scalars are the encodings of scalar types.
var scalars = map[protoreflect.Kind]*Encoding{
	protoreflect.BoolKind:     {Expected: "true or false", wire: protowire.VarintType, encode: encodeBool},
	protoreflect.Int32Kind:    signed("int32", 32, protowire.VarintType, appendInt),
	protoreflect.Int64Kind:    signed("int64", 64, protowire.VarintType, appendInt),
	protoreflect.Sint32Kind:   signed("int32", 32, protowire.VarintType, appendZigZag),
	protoreflect.Sint64Kind:   signed("int64", 64, protowire.VarintType, appendZigZag),
	protoreflect.Sfixed32Kind: signed("int32", 32, protowire.Fixed32Type, appendSfixed32),
	protoreflect.Sfixed64Kind: signed("int64", 64, protowire.Fixed64Type, appendSfixed64),
	protoreflect.Uint32Kind:   unsigned("uint32", 32, protowire.VarintType, protowire.AppendVarint),
	protoreflect.Uint64Kind:   unsigned("uint64", 64, protowire.VarintType, protowire.AppendVarint),
	protoreflect.Fixed32Kind:  unsigned("uint32", 32, protowire.Fixed32Type, appendFixed32),
	protoreflect.Fixed64Kind:  unsigned("uint64", 64, protowire.Fixed64Type, protowire.AppendFixed64),
	protoreflect.FloatKind:    {Expected: "a number within float", wire: protowire.Fixed32Type, encode: encodeFloat},
	protoreflect.DoubleKind:   {Expected: "a number within double", wire: protowire.Fixed64Type, encode: encodeDouble},
	protoreflect.StringKind:   {Expected: "text or a whole number", wire: protowire.BytesType, encode: encodeString},
	protoreflect.BytesKind:    bytesEncoding(),
}

// messageEncoding is the encoding of a well-known type, or nil.
func messageEncoding(message protoreflect.MessageDescriptor) *Encoding {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return &Encoding{Expected: "RFC 3339 text", wire: protowire.BytesType, encode: encodeTimestamp}
	case "google.protobuf.Duration":
		return &Encoding{Expected: `text such as "1.5s"`, wire: protowire.BytesType, encode: encodeDuration}
	case "google.protobuf.Struct":
		return &Encoding{Expected: "an object of numbers that double can hold", wire: protowire.BytesType, encode: encodeStruct}
	case "google.protobuf.ListValue":
		return &Encoding{Expected: "a list of numbers that double can hold", wire: protowire.BytesType, encode: encodeListValue}
	case "google.protobuf.Value":
		return &Encoding{Expected: "numbers that double can hold", wire: protowire.BytesType, encode: encodeAnyValue}
	}
	if isWrapper(message) {
		return wrapperEncoding(message.Fields().ByName("value"))
	}
	return nil
}

// isWrapper reports whether a message is one of google/protobuf/wrappers.proto.
func isWrapper(message protoreflect.MessageDescriptor) bool {
	return message.ParentFile().Path() == "google/protobuf/wrappers.proto"
}

func wrapperEncoding(field protoreflect.FieldDescriptor) *Encoding {
	inner := scalars[field.Kind()]
	tag := protowire.AppendTag(nil, field.Number(), inner.wire)
	return &Encoding{Expected: inner.Expected, wire: protowire.BytesType, encode: func(dst []byte, value Value) ([]byte, bool) {
		dst, start := beginBytes(dst)
		dst = append(dst, tag...)
		dst, ok := inner.encode(dst, value)
		return endBytes(dst, start), ok
	}}
}

// beginBytes begins a length-delimited value of unknown length at the end of dst.
func beginBytes(dst []byte) (_ []byte, start int) {
	dst = append(dst, 0) // lengths below 128 take one byte, and most are
	return dst, len(dst)
}

// endBytes puts the length of what was appended since start before it.
func endBytes(dst []byte, start int) []byte {
	length := len(dst) - start
	if length < 1<<7 {
		dst[start-1] = byte(length)
		return dst
	}
	more := protowire.SizeVarint(uint64(length)) - 1
	for range more {
		dst = append(dst, 0)
	}
	copy(dst[start+more:], dst[start:start+length])
	protowire.AppendVarint(dst[:start-1], uint64(length))
	return dst
}
