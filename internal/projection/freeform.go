package projection

import (
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth bounds the nesting of free-form values; protobuf implementations commonly refuse more than 100 levels, and
// each level of JSON takes up to three of them.
const maxDepth = 32

// The fields of google/protobuf/struct.proto.
const (
	structFields   = 1
	listValues     = 1
	valueNull      = 1
	valueNumber    = 2
	valueString    = 3
	valueBool      = 4
	valueStruct    = 5
	valueList      = 6
	mapEntryKey    = 1
	mapEntryValue  = 2
	nullValueValue = 0
)

func encodeStruct(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindBeginObject {
		return dst, false
	}
	return appendStruct(dst, value, maxDepth)
}

func encodeListValue(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindBeginArray {
		return dst, false
	}
	return appendListValue(dst, value, maxDepth)
}

func encodeAnyValue(dst []byte, value Value) ([]byte, bool) {
	return appendAnyValue(dst, value, maxDepth)
}

func appendStruct(dst []byte, object Value, depth int) ([]byte, bool) {
	dst, start := beginBytes(dst)
	ok := depth > 0
	if ok {
		object.members(func(key []byte, member Value) bool {
			var entry int
			dst = protowire.AppendTag(dst, structFields, protowire.BytesType)
			dst, entry = beginBytes(dst)
			dst = protowire.AppendBytes(protowire.AppendTag(dst, mapEntryKey, protowire.BytesType), key)
			dst = protowire.AppendTag(dst, mapEntryValue, protowire.BytesType)
			dst, ok = appendAnyValue(dst, member, depth-1)
			dst = endBytes(dst, entry)
			return ok
		})
	}
	return endBytes(dst, start), ok
}

func appendListValue(dst []byte, list Value, depth int) ([]byte, bool) {
	dst, start := beginBytes(dst)
	ok := depth > 0
	if ok {
		list.elements(func(_ int, element Value) bool {
			dst = protowire.AppendTag(dst, listValues, protowire.BytesType)
			dst, ok = appendAnyValue(dst, element, depth-1)
			return ok
		})
	}
	return endBytes(dst, start), ok
}

// appendAnyValue appends a google.protobuf.Value. Inside a free-form value null is kept, since nothing else can say it.
func appendAnyValue(dst []byte, value Value, depth int) ([]byte, bool) {
	dst, start := beginBytes(dst)
	ok := true
	switch value.kind {
	case jsontext.KindBeginObject:
		dst = protowire.AppendTag(dst, valueStruct, protowire.BytesType)
		dst, ok = appendStruct(dst, value, depth)
	case jsontext.KindBeginArray:
		dst = protowire.AppendTag(dst, valueList, protowire.BytesType)
		dst, ok = appendListValue(dst, value, depth)
	case jsontext.KindString:
		dst = protowire.AppendBytes(protowire.AppendTag(dst, valueString, protowire.BytesType), value.content())
	case jsontext.KindNumber:
		dst = protowire.AppendTag(dst, valueNumber, protowire.Fixed64Type)
		dst, ok = encodeDouble(dst, value)
	case jsontext.KindTrue, jsontext.KindFalse:
		dst = protowire.AppendTag(dst, valueBool, protowire.VarintType)
		dst, ok = encodeBool(dst, value)
	case kindBlocked:
		ok = false
	default:
		dst = protowire.AppendVarint(protowire.AppendTag(dst, valueNull, protowire.VarintType), nullValueValue)
	}
	return endBytes(dst, start), ok
}
