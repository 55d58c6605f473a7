package wirejson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text appends text between quotation marks. It reports false for text that is no UTF-8.
func (r *run) text(text []byte) bool {
	r.dst = append(r.dst, '"')
	plain := plainLength(text)
	r.dst = append(r.dst, text[:plain]...)
	if plain < len(text) {
		text = text[plain:]
		if !utf8.Valid(text) {
			return false
		}
		r.dst = appendEscaped(r.dst, text)
	}
	r.dst = append(r.dst, '"')
	return true
}

// quoted is text between quotation marks.
func quoted(text string) []byte {
	return append(appendEscaped([]byte{'"'}, []byte(text)), '"')
}

// appendEscaped appends text with what JSON cannot hold escaped. All other signs stand for themselves, as in protojson.
func appendEscaped(dst, text []byte) []byte {
	for {
		n := unescapedLength(text)
		dst = append(dst, text[:n]...)
		if n == len(text) {
			return dst
		}
		dst = appendEscape(dst, text[n])
		text = text[n+1:]
	}
}

func appendEscape(dst []byte, sign byte) []byte {
	const digits = "0123456789abcdef"
	switch sign {
	case '"', '\\':
		return append(dst, '\\', sign)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', digits[sign>>4], digits[sign&0xf])
	}
}

// Eight bytes are looked at together. In each of them the highest bit tells: of escapes, whether it is below a space, a quotation mark or
// a backslash. What is borrowed can make only bytes behind the first such one look like it, and only the first is asked for.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func escapes(eight uint64) uint64 {
	return ((eight - ones*' ') | (eight ^ ones*'"' - ones) | (eight ^ ones*'\\' - ones)) &^ eight & highs
}

// plainLength is how many bytes text begins with that are ASCII and need no escape.
func plainLength(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		eight := binary.LittleEndian.Uint64(text[i:])
		if found := escapes(eight) | eight&highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf || isEscaped(text[i]) {
			return i
		}
	}
	return i
}

// unescapedLength is how many bytes text begins with that need no escape.
func unescapedLength(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if found := escapes(binary.LittleEndian.Uint64(text[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if isEscaped(text[i]) {
			return i
		}
	}
	return i
}

func isEscaped(sign byte) bool { return sign < ' ' || sign == '"' || sign == '\\' }
