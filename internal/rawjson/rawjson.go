// Package rawjson is for reading JSON text in place, where something else has found it valid already: which values are in a list
// or an object, and what a string says. It checks nothing again. Of a text that is not valid, what it finds means nothing.
package rawjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Walk goes over the values of a list, or the members of an object, one at a time.
type Walk struct {
	text []byte
	at   int
	// Name is the quoted name of the member at hand, and nil in a list. Value is its text, without the space around it.
	Name, Value []byte
	object      bool
}

// Over is a walk over a list or an object, whose text begins with its bracket.
func Over(text []byte) Walk {
	return Walk{text: text, at: 1, object: len(text) > 0 && text[0] == '{'}
}

// Next moves on, and reports whether there is anything more.
func (w *Walk) Next() bool {
	at := between(w.text, w.at)
	if at >= len(w.text) || w.text[at] == ']' || w.text[at] == '}' {
		return false
	}
	if w.object {
		end := skip(w.text, at)
		w.Name = w.text[at:end]
		at = between(w.text, end)
	}
	end := skip(w.text, at)
	w.Value = w.text[at:end]
	w.at = end
	return end > at
}

// between is where the next value begins: behind spaces, commas and colons.
func between(text []byte, at int) int {
	for at < len(text) && (text[at] <= ' ' || text[at] == ',' || text[at] == ':') {
		at++
	}
	return at
}

// skip is where the value ends that begins at a place.
func skip(text []byte, at int) int {
	if at >= len(text) {
		return len(text)
	}
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		return skipNested(text, at)
	}
	for at < len(text) && !isEnd(text[at]) {
		at++
	}
	return at
}

// isEnd reports whether a byte ends a number, true, false or null.
func isEnd(c byte) bool { return c <= ' ' || c == ',' || c == ']' || c == '}' || c == ':' }

// skipString looks for the next quote, and then whether a backslash before it escapes it. Neither looks at a byte twice.
func skipString(text []byte, at int) int {
	at++
	for at < len(text) {
		length := bytes.IndexByte(text[at:], '"')
		if length < 0 {
			break
		}
		end := at + length
		for at <= end {
			slash := bytes.IndexByte(text[at:end], '\\')
			if slash < 0 {
				return end + 1
			}
			at += slash + 2
		}
	}
	return len(text)
}

// skipNested is where a list or an object ends: brackets are counted, of whatever kind.
func skipNested(text []byte, at int) int {
	for depth := 0; at < len(text); {
		if at <= len(text)-8 { // eight bytes of numbers and spaces in one step
			special := structural(binary.LittleEndian.Uint64(text[at:]))
			if special == 0 {
				at += 8
				continue
			}
			at += bits.TrailingZeros64(special) / 8
		}
		switch text[at] {
		case '"':
			at = skipString(text, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return len(text)
}

// structural marks quotes and brackets among eight bytes, by the high bit of each. Bits above the first mark mean nothing.
func structural(eight uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quotes := eight ^ ones*'"'
	opening := eight&^(ones*0x20) ^ ones*'[' // { differs from [ in one bit
	closing := eight&^(ones*0x20) ^ ones*']'
	return ((quotes-ones)&^quotes | (opening-ones)&^opening | (closing-ones)&^closing) & highs
}

// Unquoted is what a quoted string says. It is part of the text where there are no escapes, so it is only to be read.
func Unquoted(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return AppendUnquoted(make([]byte, 0, len(inner)), quoted)
}

// AppendUnquoted appends what a quoted string says.
func AppendUnquoted(dst, quoted []byte) []byte {
	rest := quoted[1 : len(quoted)-1]
	for {
		slash := bytes.IndexByte(rest, '\\')
		if slash < 0 || slash+1 == len(rest) {
			return append(dst, rest...)
		}
		dst = append(dst, rest[:slash]...)
		if rest[slash+1] != 'u' {
			dst = append(dst, unescaped(rest[slash+1]))
			rest = rest[slash+2:]
			continue
		}
		var character rune
		character, rest = unicode(rest[slash:])
		dst = utf8.AppendRune(dst, character)
	}
}

// unescaped is what a letter behind a backslash stands for.
func unescaped(letter byte) byte {
	switch letter {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return letter
	}
}

// unicode is the character that one escape stands for, or two, and what follows.
func unicode(text []byte) (rune, []byte) {
	first, text := hex(text)
	if !utf16.IsSurrogate(first) {
		return first, text
	}
	second, text := hex(text)
	return utf16.DecodeRune(first, second), text
}

const escape = len(`\u0000`)

func hex(text []byte) (number rune, rest []byte) {
	if len(text) < escape {
		return utf8.RuneError, nil
	}
	for _, c := range text[2:escape] {
		number <<= 4
		if c <= '9' {
			number |= rune(c - '0')
		} else {
			number |= rune(c|' '-'a'+10) & 0xF
		}
	}
	return number, text[escape:]
}
