package expr

import (
	"strings"
)

// Part is a piece of a text with holes: either literal text, or a hole.
type Part struct {
	// Literal is the text of a literal part.
	Literal string
	// Hole is the expression between ${ and }, without surrounding space; empty for a literal part.
	Hole string
	// Offset is where the literal, or the expression, begins in the whole text.
	Offset int
}

// ParseTemplate cuts a text at its ${expression} holes. $${ stands for a literal ${. Empty literals are left out. A hole
// ends at the first } outside the expression's own quotes and braces.
func ParseTemplate(text string) ([]Part, *Error) {
	var parts []Part
	var literal strings.Builder
	start := 0
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, Part{Literal: literal.String(), Offset: start})
			literal.Reset()
		}
	}
	for at := 0; at < len(text); {
		switch {
		case strings.HasPrefix(text[at:], "$${"):
			literal.WriteString("${")
			at += len("$${")
		case strings.HasPrefix(text[at:], "${"):
			flush()
			part, width, err := cutHole(text[at:])
			if err != nil {
				return nil, err.shifted(at)
			}
			part.Offset += at
			parts = append(parts, part)
			at += width
			start = at
		default:
			literal.WriteByte(text[at])
			at++
		}
	}
	flush()
	return parts, nil
}

// cutHole reads the hole that text begins with, and says how many bytes of text it takes.
func cutHole(text string) (Part, int, *Error) {
	end := holeEnd(text)
	if end < 0 {
		return Part{}, 0, &Error{Width: len("${"), Message: "hole is not closed", Hint: "end it with }"}
	}
	inner := text[len("${"):end]
	hole := strings.TrimSpace(inner)
	if hole == "" {
		return Part{}, 0, &Error{Width: end + 1, Message: "hole is empty", Hint: "name a value, such as ${request.id}"}
	}
	return Part{Hole: hole, Offset: len("${") + strings.Index(inner, hole)}, end + 1, nil
}

// holeEnd is the index of the } that closes the hole text begins with, or -1.
func holeEnd(text string) int {
	depth := 0
	var quote byte
	for i := len("${"); i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}
