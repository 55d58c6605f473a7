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
	sources := sources{read: read, lines: map[string][][]byte{}}
	for i, one := range p {
		var text strings.Builder
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "%s: %s\n", printable(one.Position.String()), printable(one.Message))
		if line := sources.line(one.Position); line != "" {
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

// sources are the lines of the files that problems are in. Each file is read once, however many problems it has.
type sources struct {
	read  func(file string) []byte
	lines map[string][][]byte
}

// line is the line that a position is on, without its end; empty if there is none to show.
func (s sources) line(at Position) string {
	if s.read == nil || at.Line == 0 {
		return ""
	}
	lines, known := s.lines[at.File]
	if !known {
		lines = bytes.Split(s.read(at.File), []byte("\n"))
		s.lines[at.File] = lines
	}
	if at.Line > len(lines) {
		return ""
	}
	return strings.TrimSuffix(string(lines[at.Line-1]), "\r")
}

const (
	// maxWidth is how many bytes of a long line are shown; leftOf how many of them before the fault.
	maxWidth = 120
	leftOf   = 60
)

func writeSource(text *strings.Builder, problem Problem, line string) {
	start := min(max(problem.Position.Column-1, 0), len(line))
	from, to := window(line, start)
	number := fmt.Sprintf("%4d | ", problem.Position.Line)
	fmt.Fprintf(text, "%s%s\n", number, printable(line[from:to]))
	if problem.Position.Column == 0 {
		return
	}
	end := min(start+max(problem.Width, 1), to)
	carets := max(1, utf8.RuneCountInString(line[start:max(start, end)]))
	fmt.Fprintf(text, "%s| %s%s\n", strings.Repeat(" ", len(number)-2), blank(line[from:start]), strings.Repeat("^", carets))
}

// window is the part of a line that is shown: all of it, or as much as fits around a fault.
func window(line string, start int) (from, to int) {
	if len(line) > maxWidth && start > leftOf {
		from = start - leftOf
		for from < start && !utf8.RuneStart(line[from]) {
			from++
		}
	}
	to = min(len(line), from+maxWidth)
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	return from, to
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
		if steers(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// steers reports whether a terminal may do something else with a character than show it, such as move, colour or turn
// what follows around. Line ends are among these.
func steers(r rune) bool {
	return r != '\t' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}
