package source

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// yamlFile knows where YAML's lines and columns are in a file.
type yamlFile struct {
	name string
	// lines are without their ends.
	lines []string
	// mark is how many bytes the byte order mark takes, which YAML does not count.
	mark int
}

func newYAMLFile(name string, text []byte) yamlFile {
	file := yamlFile{name: name}
	if r, size := utf8.DecodeRune(text); r == byteOrderMark {
		file.mark = size
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		file.lines = append(file.lines, strings.TrimSuffix(string(line), "\r"))
	}
	return file
}

// position turns a line and a column of YAML's, which counts characters, into ours. What is behind the end of the file is
// at the end of its last line that is not empty.
func (f yamlFile) position(line, column int) diag.Position {
	if line < 1 {
		return diag.Position{File: f.name}
	}
	if f.atEnd(line) {
		for line = len(f.lines); line > 1 && strings.TrimSpace(f.lines[line-1]) == ""; {
			line--
		}
		return diag.Position{File: f.name, Line: line, Column: len(f.lines[line-1]) + 1}
	}
	offset := 0
	if line == 1 {
		offset = f.mark
	}
	for text := f.lines[line-1]; column > 1 && offset < len(text); column-- {
		_, size := utf8.DecodeRuneInString(text[offset:])
		offset += size
	}
	return diag.Position{File: f.name, Line: line, Column: offset + 1}
}

// atEnd reports whether nothing is left of the file on a line and behind it.
func (f yamlFile) atEnd(line int) bool {
	return line > len(f.lines) || line == len(f.lines) && line > 1 && f.lines[line-1] == ""
}

// rest is what stands at a position.
func (f yamlFile) rest(at diag.Position) string {
	if at.Line < 1 {
		return ""
	}
	return f.lines[at.Line-1][at.Column-1:]
}

const lookAround = "check the indentation, and that texts with : or # stand in quotes"

// mistake is one of YAML's errors in plain words.
type mistake struct{ library, message, hint string }

// mistakes are those that people make. YAML's own words do for the others.
var mistakes = []mistake{
	{"did not find expected ',' or '}'", `"," or "}" is missing`, "put texts that hold , or } into quotes"},
	{"did not find expected ',' or ']'", `"," or "]" is missing`, "put texts that hold , or ] into quotes"},
	{"did not find expected node content", "value is missing", lookAround},
	{"did not find expected '-' indicator", `"-" is missing`, "begin each element of the list with - in the same column"},
	{"found unknown escape character", "escape is unknown", `write \\ for a backslash, or use single quotes`},
	{"found character that cannot start any token", "text cannot begin with this character", "put it in quotes"},
}

// reportSyntax turns YAML's error into a problem.
func (f yamlFile) reportSyntax(err error, problems *diag.Problems) {
	if second, ok := errors.AsType[*secondDocumentError](err); ok {
		problems.Add(f.position(second.line, 1), len("---"), "put it into a file of its own", "%s", second)
		return
	}
	broken, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		problems.Add(diag.Position{File: f.name}, 1, lookAround, "YAML does not parse: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	at := f.position(broken.Mark.Line, broken.Mark.Column)
	switch {
	case strings.HasPrefix(broken.Message, "unknown anchor"):
		problems.Add(at, 1, "write the value out", "anchors and aliases are not allowed")
	case strings.HasPrefix(broken.Message, "exceeded max depth"):
		problems.Add(at, 1, "flatten it", "file is nested more than %d deep", maxNesting)
	case strings.HasPrefix(f.rest(at), "\t"):
		problems.Add(at, 1, "indent with spaces", "YAML does not parse: line is indented with a tab")
	case broken.ContextMark.Line > 0 && f.atEnd(broken.Mark.Line):
		f.reportOpen(broken, problems)
	default:
		found := explain(broken.Message)
		problems.Add(at, 1, found.hint, "YAML does not parse: %s", found.message)
	}
}

// reportOpen reports what the end of the file leaves open, where it begins.
func (f yamlFile) reportOpen(broken *yaml.LoadError, problems *diag.Problems) {
	at := f.position(broken.ContextMark.Line, broken.ContextMark.Column)
	if begin := f.rest(at); strings.IndexAny(begin, `"'{[`) == 0 {
		problems.Add(at, 1, "close it, or put a text that begins so in other quotes", "YAML does not parse: %c is not closed", begin[0])
		return
	}
	found := explain(broken.Message)
	problems.Add(f.position(broken.Mark.Line, 1), 1, found.hint, "YAML does not parse: %s", found.message)
}

// explain finds plain words for a message of YAML's.
func explain(message string) mistake {
	for _, known := range mistakes {
		if known.library == message {
			return known
		}
	}
	return mistake{message: message, hint: lookAround}
}
