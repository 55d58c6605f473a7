package projection

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// signed is the encoding of a signed integer type of that many bits.
func signed(name string, bits int, wire protowire.Type, add func([]byte, int64) []byte) *Encoding {
	least := uint64(1) << (bits - 1) // without its sign
	return &Encoding{Expected: "a whole number within " + name, wire: wire, encode: func(dst []byte, value Value) ([]byte, bool) {
		magnitude, negative, ok := integer(value)
		switch {
		case !ok || magnitude > least || magnitude == least && !negative:
			return dst, false
		case negative:
			return add(dst, -int64(magnitude)), true
		default:
			return add(dst, int64(magnitude)), true
		}
	}}
}

// unsigned is the encoding of an unsigned integer type of that many bits.
func unsigned(name string, bits int, wire protowire.Type, add func([]byte, uint64) []byte) *Encoding {
	most := uint64(math.MaxUint64) >> (64 - bits)
	return &Encoding{Expected: "a whole number within " + name, wire: wire, encode: func(dst []byte, value Value) ([]byte, bool) {
		magnitude, negative, ok := integer(value)
		if !ok || magnitude > most || negative && magnitude != 0 {
			return dst, false
		}
		return add(dst, magnitude), true
	}}
}

// integer is the value of a whole number, however it is written (20, 20.0, 2e1, "20"). It reports false for one that 64 bits
// cannot hold without its sign.
func integer(value Value) (magnitude uint64, negative, ok bool) {
	var text []byte
	switch value.kind {
	case jsontext.KindNumber:
		text = value.raw
	case jsontext.KindString:
		if text = value.content(); !isWholeLiteral(text) || !isCanonical(text) {
			return 0, false, false
		}
	default:
		return 0, false, false
	}
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	if magnitude, ok = parseDigits(digits); ok || value.kind == jsontext.KindString {
		return magnitude, negative, ok
	}
	expanded, ok := expandWhole(string(digits))
	if ok {
		magnitude, ok = parseDigits([]byte(expanded))
	}
	return magnitude, negative, ok
}

// parseDigits is the number of digits without a sign. It reports false for anything else, and for more than 64 bits hold.
func parseDigits(text []byte) (uint64, bool) {
	if len(text) >= maxDigits { // it may be too large
		number, err := strconv.ParseUint(string(text), 10, 64)
		return number, err == nil
	}
	number := uint64(0)
	for _, c := range text {
		digit := uint64(c - '0')
		if digit > 9 {
			return 0, false
		}
		number = number*10 + digit
	}
	return number, len(text) > 0
}

func appendInt(dst []byte, number int64) []byte { return protowire.AppendVarint(dst, uint64(number)) }

func appendZigZag(dst []byte, number int64) []byte {
	return protowire.AppendVarint(dst, protowire.EncodeZigZag(number))
}

func appendSfixed32(dst []byte, number int64) []byte {
	return protowire.AppendFixed32(dst, uint32(int32(number)))
}

func appendSfixed64(dst []byte, number int64) []byte {
	return protowire.AppendFixed64(dst, uint64(number))
}

func appendFixed32(dst []byte, number uint64) []byte {
	return protowire.AppendFixed32(dst, uint32(number))
}

// wholeNumber is the decimal text of a number whose value is whole, however it is written (20, 20.0, 2e1, "20").
func wholeNumber(value Value) (string, bool) {
	switch value.kind {
	case jsontext.KindNumber:
		if isWholeLiteral(value.raw) {
			return string(value.raw), true
		}
		return expandWhole(string(value.raw))
	case jsontext.KindString:
		text := value.content()
		return string(text), isWholeLiteral(text) && isCanonical(text)
	default:
		return "", false
	}
}

// isWholeLiteral reports whether text is an optional minus and digits.
func isWholeLiteral(text []byte) bool {
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

// isCanonical reports whether whole digits have no leading zero: "007" is a name, not a number.
func isCanonical(text []byte) bool {
	if text[0] == '-' {
		text = text[1:]
	}
	return len(text) == 1 || text[0] != '0'
}

// maxDigits is more digits than any integer type has.
const maxDigits = 20

// expandWhole writes a literal with a fraction or an exponent without them, if its value is whole and within reach of
// 64 bits. Its cost does not depend on the exponent.
func expandWhole(literal string) (string, bool) {
	sign, unsignedLiteral := "", literal
	if rest, negative := strings.CutPrefix(literal, "-"); negative {
		sign, unsignedLiteral = "-", rest
	}
	mantissa, power := cutExponent(unsignedLiteral)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0", true
	}
	exponent, err := strconv.ParseInt(power, 10, 31)
	if err != nil {
		return "", false
	}
	return shifted(sign, digits, int(exponent)-len(fraction))
}

// shifted writes digits with a power of ten behind them, if that is whole.
func shifted(sign, digits string, exponent int) (string, bool) {
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if exponent < 0 || exponent+len(trimmed) > maxDigits {
		return "", false
	}
	return sign + trimmed + strings.Repeat("0", exponent), true
}

func cutExponent(literal string) (mantissa, exponent string) {
	at := strings.IndexAny(literal, "eE")
	if at < 0 {
		return literal, "0"
	}
	return literal[:at], literal[at+1:]
}

func encodeBool(dst []byte, value Value) ([]byte, bool) {
	switch value.kind {
	case jsontext.KindTrue:
		return append(dst, 1), true
	case jsontext.KindFalse:
		return append(dst, 0), true
	default:
		return dst, false
	}
}

func encodeFloat(dst []byte, value Value) ([]byte, bool) {
	number, ok := floating(value, 32)
	return protowire.AppendFixed32(dst, math.Float32bits(float32(number))), ok
}

func encodeDouble(dst []byte, value Value) ([]byte, bool) {
	number, ok := floating(value, 64)
	return protowire.AppendFixed64(dst, math.Float64bits(number)), ok
}

// floating is the nearest number of that many bits. A number out of range is refused, and so is a whole number that has
// no exact place among them: an identifier must not change its digits.
func floating(value Value, bits int) (float64, bool) {
	var text []byte
	switch value.kind {
	case jsontext.KindNumber:
		text = value.raw
	case jsontext.KindString:
		if text = value.content(); jsontext.Value(text).Kind() != jsontext.KindNumber || !jsontext.Value(text).IsValid() {
			return 0, false
		}
	default:
		return 0, false
	}
	number, err := strconv.ParseFloat(string(text), bits)
	if err != nil {
		return 0, false
	}
	exactDigits := 7 // every whole number of so many digits fits both types
	if bits == 64 {
		exactDigits = 15
	}
	if isWholeLiteral(text) && len(text) > exactDigits {
		var exact [32]byte // all digits, not the fewest that tell it from its neighbours
		return number, string(strconv.AppendFloat(exact[:0], number, 'f', 0, bits)) == string(text)
	}
	return number, true
}
