package projection

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/rawjson"
)

// encodeString takes text as it is, and a whole number by its digits, since identifiers are often numbers upstream.
func encodeString(dst []byte, value Value) ([]byte, bool) {
	switch {
	case value.kind == jsontext.KindString && value.isVerbatim():
		text := value.content()
		return protowire.AppendBytes(dst, text), !value.plain || utf8.Valid(text)
	case value.kind == jsontext.KindString:
		dst, start := beginBytes(dst)
		return endBytes(rawjson.AppendUnquoted(dst, value.raw), start), true
	case value.kind == jsontext.KindNumber && isWholeLiteral(value.raw):
		return protowire.AppendBytes(dst, value.raw), true
	default:
		return dst, false
	}
}

// bytesEncoding takes base64 (RFC 4648) in the standard or the URL alphabet, padded or not.
func bytesEncoding() *Encoding {
	standard, forURLs := base64.RawStdEncoding.Strict(), base64.RawURLEncoding.Strict()
	return &Encoding{Expected: "base64 text", wire: protowire.BytesType, encode: func(dst []byte, value Value) ([]byte, bool) {
		if value.kind != jsontext.KindString {
			return dst, false
		}
		text := value.content()
		alphabet := standard
		if bytes.ContainsAny(text, "-_") {
			alphabet = forURLs
		}
		trimmed := bytes.TrimRight(text, "=")
		if len(trimmed) != len(text) && len(text)%4 != 0 || bytes.ContainsAny(text, "\r\n") {
			return dst, false
		}
		dst, start := beginBytes(dst)
		dst, err := alphabet.AppendDecode(dst, trimmed)
		return endBytes(dst, start), err == nil
	}}
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
