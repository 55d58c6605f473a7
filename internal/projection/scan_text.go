package projection

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Eight bytes are looked at in one step, as Mycroft's test for a zero byte does it: a byte's high bit is set where the byte
// is special. Bits above the first special byte mean nothing.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	word  = 8
)

// specials marks the bytes that end a run of plain text: quotes, backslashes, control characters and all beyond ASCII.
func specials(eight uint64) uint64 {
	quotes, slashes := eight^ones*'"', eight^ones*'\\'
	return (eight | (eight - ones*' ') | (quotes - ones) | (slashes - ones)) & highs
}

// text reads a string, and returns where it ends; failed if it is none.
func (s *scanner) text(at int) int {
	body := s.body
	at++
	for {
		for at <= len(body)-word {
			special := specials(binary.LittleEndian.Uint64(body[at:]))
			if special != 0 {
				at += bits.TrailingZeros64(special) / 8
				break
			}
			at += word
		}
		for at < len(body) && isPlain(body[at]) { // of what is left at the very end
			at++
		}
		if at >= len(body) {
			return s.fail(at, errTruncated)
		}
		switch c := body[at]; {
		case c == '"':
			return at + 1
		case c == '\\':
			at = s.escape(at)
		case c >= utf8.RuneSelf:
			at = s.characters(at)
		default:
			return s.fail(at, errControl)
		}
		if at < 0 {
			return failed
		}
	}
}

func isPlain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

// characters reads a run of characters beyond ASCII. The two forms that most of them have are told by their bits; what is left
// to utf8 are the rare, and the wrong ones.
func (s *scanner) characters(at int) int {
	body := s.body
	for at < len(body) && body[at] >= utf8.RuneSelf {
		switch c := body[at]; {
		case c >= 0xC2 && c <= 0xDF && at+1 < len(body) && isContinuation(body[at+1]):
			at += 2
		case c >= 0xE1 && c <= 0xEC && at+2 < len(body) && isContinuation(body[at+1]) && isContinuation(body[at+2]):
			at += 3
		default:
			_, size := utf8.DecodeRune(body[at:])
			if size == 1 {
				return s.fail(at, errUTF8)
			}
			at += size
		}
	}
	return at
}

func isContinuation(c byte) bool { return c&0xC0 == 0x80 }

const (
	simpleEscape  = len(`\n`)
	unicodeEscape = len(`\u0000`)
)

// escape reads an escape. Half of a surrogate pair is refused (RFC 7493, section 2.1).
func (s *scanner) escape(at int) int {
	s.escaped = true
	if at+1 >= len(s.body) {
		return s.fail(at, errTruncated)
	}
	switch s.body[at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + simpleEscape
	}
	first := s.unicode(at)
	switch {
	case first < 0:
		return s.fail(at, errEscape)
	case !utf16.IsSurrogate(first):
		return at + unicodeEscape
	case utf16.DecodeRune(first, s.unicode(at+unicodeEscape)) == utf8.RuneError:
		return s.fail(at, errEscape)
	default:
		return at + 2*unicodeEscape
	}
}

// unicode is the number in \u and four digits; -1 if there is none.
func (s *scanner) unicode(at int) rune {
	if len(s.body)-at < unicodeEscape || s.body[at] != '\\' || s.body[at+1] != 'u' {
		return -1
	}
	number := rune(0)
	for _, c := range s.body[at+2 : at+unicodeEscape] {
		switch {
		case c >= '0' && c <= '9':
			number = number<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			number = number<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			number = number<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return number
}
