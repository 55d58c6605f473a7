// Package urltemplate is for the paths of calls: /products/${id}/reviews. A hole is always escaped as a piece of one
// segment (RFC 3986, section 3.3), so no value can leave its place: not by a slash, not by a dot segment, not by a query.
package urltemplate

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// maxPath bounds an expanded path in bytes; servers commonly refuse longer request lines.
const maxPath = 8 << 10

// Template is a parsed path. It is safe for concurrent use.
type Template struct {
	parts []part
	names string
	// Holes are the expressions in the order in which Expand takes their values.
	Holes []Hole
}

// Hole is one expression of a template.
type Hole struct {
	Text string
	// Offset is where the expression begins in the template's text.
	Offset int
}

// part is a literal, or the hole with that index.
type part struct {
	literal string
	hole    int // -1 for a literal
}

// Parse reads a template. The text begins with a slash and holds no query: that is declared apart.
func Parse(text string) (*Template, *expr.Error) {
	if !strings.HasPrefix(text, "/") {
		return nil, &expr.Error{Width: 1, Message: "path does not begin with a slash", Hint: "write upstream:/path"}
	}
	pieces, mistake := expr.ParseTemplate(text)
	if mistake != nil {
		return nil, mistake
	}
	template := &Template{}
	for _, piece := range pieces {
		if piece.Hole != "" {
			template.parts = append(template.parts, part{hole: len(template.Holes)})
			template.Holes = append(template.Holes, Hole{Text: piece.Hole, Offset: piece.Offset})
			continue
		}
		if mistake := checkLiteral(piece.Literal); mistake != nil {
			mistake.Offset += piece.Offset
			return nil, mistake
		}
		template.parts = append(template.parts, part{literal: piece.Literal, hole: -1})
	}
	template.names = template.withNames()
	return template, template.checkSegments(text)
}

// Names is the template with each hole replaced by its expression in braces, as OpenTelemetry's url.template has it.
func (t *Template) Names() string { return t.names }

func (t *Template) withNames() string {
	var text strings.Builder
	for _, piece := range t.parts {
		if piece.hole < 0 {
			text.WriteString(piece.literal)
		} else {
			text.WriteString("{" + t.Holes[piece.hole].Text + "}")
		}
	}
	return text.String()
}

// ValueError says why a hole's value cannot stand in a path.
type ValueError struct {
	// Hole is the index of the hole.
	Hole int
	// Message says what is wrong with the value, without quoting it.
	Message string
}

// Error is the message.
func (e *ValueError) Error() string { return e.Message }

// Expand appends the escaped path to dst. values holds one value for each hole. The error is a *ValueError where a value
// is to blame.
func (t *Template) Expand(dst []byte, values [][]byte) ([]byte, error) {
	if len(values) != len(t.Holes) {
		return dst, fmt.Errorf("expand path: %d values for %d holes", len(values), len(t.Holes))
	}
	start := len(dst)
	for _, piece := range t.parts {
		if piece.hole < 0 {
			dst = append(dst, piece.literal...)
			continue
		}
		value := values[piece.hole]
		if reason := Refuse(value); reason != "" {
			return dst, &ValueError{Hole: piece.hole, Message: reason}
		}
		dst = appendEscaped(dst, value)
	}
	if len(dst)-start > maxPath {
		return dst, errors.New("path is longer than 8 KiB")
	}
	return dst, t.refuseDotSegment(dst[start:])
}

// Refuse says why no template can take this value, or returns "".
func Refuse(value []byte) string {
	if len(value) == 0 {
		return "value is empty, so it cannot stand in a path"
	}
	if !utf8.Valid(value) {
		return "value is not valid UTF-8"
	}
	for _, c := range value {
		if c < ' ' || c == 0x7f {
			return "value holds a control character"
		}
	}
	// Escaped slashes are undone by some servers before they resolve dot segments.
	if hasDotSegment(value, `/\`) {
		return `value holds the path segment "." or ".."`
	}
	return ""
}

// refuseDotSegment catches a dot segment put together from a literal and a value, as in .${x}. Such a segment is never in
// the template itself.
func (t *Template) refuseDotSegment(path []byte) error {
	if hasDotSegment(path, "/") {
		return &ValueError{Hole: max(0, len(t.Holes)-1), Message: `value makes the path segment "." or ".."`}
	}
	return nil
}

// hasDotSegment reports whether a segment between any of some separators is "." or "..".
func hasDotSegment(text []byte, separators string) bool {
	if bytes.IndexByte(text, '.') < 0 {
		return false
	}
	for more := true; more; {
		segment := text
		end := bytes.IndexAny(text, separators)
		if more = end >= 0; more {
			segment, text = text[:end], text[end+1:]
		}
		if string(segment) == "." || string(segment) == ".." {
			return true
		}
	}
	return false
}

// appendEscaped escapes all but RFC 3986's unreserved characters.
func appendEscaped(dst, value []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range value {
		if isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
