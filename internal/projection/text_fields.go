package projection

import (
	"encoding/base64"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func float32Bits(number float64) uint32 { return math.Float32bits(float32(number)) }

func float64Bits(number float64) uint64 { return math.Float64bits(number) }

// encodeString takes text as it is, and a whole number by its digits, since identifiers are often numbers upstream.
func encodeString(dst []byte, value Value) ([]byte, bool) {
	var text []byte
	switch {
	case value.kind == jsontext.KindString:
		text = value.content()
	case value.kind == jsontext.KindNumber && isWholeLiteral(value.raw):
		text = value.raw
	default:
		return dst, false
	}
	return protowire.AppendBytes(dst, text), !value.plain || utf8.Valid(text)
}

// encodeBytes takes base64 (RFC 4648) in the standard or the URL alphabet, padded or not.
func encodeBytes(dst []byte, value Value) ([]byte, bool) {
	if value.kind != jsontext.KindString {
		return dst, false
	}
	text := string(value.content())
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	trimmed := strings.TrimRight(text, "=")
	if trimmed != text && len(text)%4 != 0 || strings.ContainsAny(text, "\r\n") {
		return dst, false
	}
	decoded, err := encoding.Strict().DecodeString(trimmed)
	return protowire.AppendBytes(dst, decoded), err == nil
}

// enumByName takes the name of an enum's value, or the number of a known one.
func enumByName(enum protoreflect.EnumDescriptor) *Encoding {
	cases := map[string]protoreflect.EnumNumber{}
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		cases[string(value.Name())] = value.Number()
	}
	for i := range enum.Values().Len() {
		number := enum.Values().Get(i).Number()
		cases[decimal(int64(number))] = number
	}
	return EnumEncoding("a value of "+string(enum.Name()), cases, nil)
}

// EnumEncoding takes a text, a number or a boolean and looks it up among cases. Anything else becomes fallback, if that
// is not nil.
func EnumEncoding(expected string, cases map[string]protoreflect.EnumNumber, fallback *protoreflect.EnumNumber) *Encoding {
	return &Encoding{Expected: expected, wire: protowire.VarintType, encode: func(dst []byte, value Value) ([]byte, bool) {
		number, ok := lookUp(cases, value)
		if !ok && fallback != nil && value.kind != kindBlocked {
			number, ok = *fallback, true
		}
		return protowire.AppendVarint(dst, uint64(int64(number))), ok
	}}
}

func lookUp(cases map[string]protoreflect.EnumNumber, value Value) (protoreflect.EnumNumber, bool) {
	switch value.kind {
	case jsontext.KindString:
		number, ok := cases[string(value.content())]
		return number, ok
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		number, ok := cases[string(value.raw)]
		return number, ok
	default:
		return 0, false
	}
}
