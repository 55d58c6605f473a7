package urltemplate

import (
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// checkLiteral refuses what cannot stand in a path as it is written.
func checkLiteral(text string) *expr.Error {
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '?':
			return &expr.Error{Offset: i, Width: len(text) - i, Message: "path holds a query", Hint: "declare it under query:"}
		case c == '#':
			return &expr.Error{Offset: i, Width: len(text) - i, Message: "path holds a fragment", Hint: "remove it; it is never sent"}
		case c == '{' || c == '}':
			return &expr.Error{Offset: i, Width: 1, Message: "path holds a brace", Hint: "a hole is written ${expression}"}
		case c == '%' && !isEscape(text[i:]):
			return &expr.Error{Offset: i, Width: 1, Message: "path holds a % that begins no escape", Hint: "write %25"}
		case !isPathCharacter(c):
			return &expr.Error{Offset: i, Width: 1, Message: "path holds a character that must be escaped",
				Hint: "write it as % and two hexadecimal digits"}
		}
	}
	return nil
}

func isEscape(text string) bool {
	return len(text) >= len("%00") && isHex(text[1]) && isHex(text[2])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isPathCharacter(c byte) bool {
	return isUnreserved(c) || strings.IndexByte("/%!$&'()*+,;=:@", c) >= 0
}

// checkSegments refuses empty segments and dot segments that stand in the template itself. An empty last segment is a
// trailing slash, which some servers want.
func (t *Template) checkSegments(text string) *expr.Error {
	var plain strings.Builder
	for _, piece := range t.parts {
		if piece.hole < 0 {
			plain.WriteString(piece.literal)
		} else {
			plain.WriteString("{}")
		}
	}
	segments := strings.Split(plain.String()[1:], "/")
	for i, segment := range segments {
		switch {
		case segment == "" && i < len(segments)-1:
			return &expr.Error{Width: len(text), Message: "path holds an empty segment", Hint: "remove the second slash"}
		case segment == "." || segment == "..":
			return &expr.Error{Width: len(text), Message: `path holds the segment "` + segment + `"`,
				Hint: "write the path that is meant"}
		}
	}
	return nil
}
