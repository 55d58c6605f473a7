package source

import (
	"unicode/utf8"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// byteOrderMark may begin a file; it is no part of its text.
const byteOrderMark = '\uFEFF'

// checkCharacters reports the first character that a YAML file may not hold. Line ends other than \n and \r\n are among
// them, because the lines that an editor shows are not the ones that YAML would count.
func checkCharacters(name string, text []byte, problems *diag.Problems) bool {
	at := diag.Position{File: name, Line: 1, Column: 1}
	for offset := 0; offset < len(text); {
		r, size := utf8.DecodeRune(text[offset:])
		switch {
		case r == utf8.RuneError && size == 1:
			problems.Add(at, 1, "save it as UTF-8", "file is not valid UTF-8")
			return false
		case r == '\r' && (offset+1 == len(text) || text[offset+1] != '\n'):
			problems.Add(at, 1, "save it with line feeds", "line ends with a carriage return alone")
			return false
		case isForbidden(r) && offset > 0, isForbidden(r) && r != byteOrderMark:
			problems.Add(at, size, "in double quotes, it is written as an escape", "character %U is not allowed", r)
			return false
		}
		offset += size
		at.Column += size
		if r == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
	}
	return true
}

// isForbidden reports whether a character is a control character, or one that YAML 1.1 takes for a line end.
func isForbidden(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	case '\u2028', '\u2029', byteOrderMark, '\uFFFE', '\uFFFF':
		return true
	default:
		return r < ' ' || r >= '\x7f' && r < '\u00a0'
	}
}
