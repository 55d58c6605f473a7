package diag

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeText writes each problem as
//
//	bindings/shop.yaml:12:7: unknown field "titel" in shop.v1.Product
//	  12 |       titel: product.display_name
//	     |       ^^^^^
//	  did you mean "title"?
func (p Problems) writeText(w io.Writer, read func(file string) []byte) error {
	for i, one := range p {
		var text strings.Builder
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "%s: %s\n", printable(one.Position.String()), printable(one.Message))
		if line, ok := sourceLine(read, one.Position); ok {
			writeSource(&text, one, line)
		}
		if one.Hint != "" {
			fmt.Fprintf(&text, "  %s\n", printable(one.Hint))
		}
		if _, err := io.WriteString(w, text.String()); err != nil {
			return err
		}
	}
	return nil
}

// sourceLine is the line that a position is on, without its end.
func sourceLine(read func(file string) []byte, at Position) (string, bool) {
	if read == nil || at.Line == 0 {
		return "", false
	}
	content := read(at.File)
	for range at.Line - 1 {
		_, after, found := bytes.Cut(content, []byte("\n"))
		if !found {
			return "", false
		}
		content = after
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r"), len(line) > 0
}

const (
	// maxWidth is how many bytes of a long line are shown; leftOf how many of them before the fault.
	maxWidth = 120
	leftOf   = 60
)

func writeSource(text *strings.Builder, problem Problem, line string) {
	start := min(max(problem.Position.Column-1, 0), len(line))
	end := min(start+max(problem.Width, 1), len(line))
	from := 0
	if len(line) > maxWidth && start > leftOf {
		from = start - leftOf
		for from < start && !utf8.RuneStart(line[from]) {
			from++
		}
	}
	to := min(len(line), from+maxWidth)
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	number := fmt.Sprintf("%4d | ", problem.Position.Line)
	fmt.Fprintf(text, "%s%s\n", number, printable(line[from:to]))
	if problem.Position.Column == 0 {
		return
	}
	carets := max(1, utf8.RuneCountInString(line[start:max(start, min(end, to))]))
	fmt.Fprintf(text, "%s| %s%s\n", strings.Repeat(" ", len(number)-2), blank(line[from:start]), strings.Repeat("^", carets))
}

// blank is as wide as text: tabs stay, everything else becomes a space.
func blank(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text)
}

// printable replaces what could steer a terminal: an author's file is not trusted with that.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || !unicode.IsPrint(r) && !unicode.IsSpace(r)) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
