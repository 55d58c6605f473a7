package expr

import (
	"strconv"
	"strings"
)

// Path is a plain path such as product.items[0]["odd-key"]: a declared name and the steps below it.
type Path struct {
	Root  string
	Steps []Step
}

// Step is one step of a path: an object's key, or a list's index if Key is empty and Index is not negative.
type Step struct {
	Key   string
	Index int // -1 for a key
}

// String is the path as its author would write it.
func (p Path) String() string {
	var text strings.Builder
	text.WriteString(p.Root)
	for _, step := range p.Steps {
		switch {
		case step.Index >= 0:
			text.WriteString("[" + strconv.Itoa(step.Index) + "]")
		case isIdentifier(step.Key):
			text.WriteString("." + step.Key)
		default:
			text.WriteString("[" + strconv.Quote(step.Key) + "]")
		}
	}
	return text.String()
}

// ParsePath reads text as a plain path. It reports false for anything else, which may still be a CEL expression.
//
//	path = name { "." name | "[" digits "]" | "[" quoted "]" }
func ParsePath(text string) (Path, bool) {
	text = strings.TrimSpace(text)
	root, rest := cutIdentifier(text)
	if root == "" || root == "true" || root == "false" || root == "null" {
		return Path{}, false
	}
	path := Path{Root: root}
	for rest != "" {
		step, after, ok := cutStep(rest)
		if !ok {
			return Path{}, false
		}
		path.Steps = append(path.Steps, step)
		rest = after
	}
	return path, true
}

func cutStep(text string) (Step, string, bool) {
	switch text[0] {
	case '.':
		key, rest := cutIdentifier(text[1:])
		return Step{Key: key, Index: -1}, rest, key != ""
	case '[':
		return cutBracket(text[1:])
	default:
		return Step{}, "", false
	}
}

func cutBracket(text string) (Step, string, bool) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil && quoted[0] == '"' {
		key, err := strconv.Unquote(quoted)
		rest, closed := strings.CutPrefix(text[len(quoted):], "]")
		return Step{Key: key, Index: -1}, rest, err == nil && closed && key != ""
	}
	digits, rest, closed := strings.Cut(text, "]")
	index, err := strconv.ParseUint(digits, 10, 31)
	return Step{Index: int(index)}, rest, err == nil && closed
}

func cutIdentifier(text string) (name, rest string) {
	end := 0
	for end < len(text) && isIdentifierByte(text[end], end) {
		end++
	}
	return text[:end], text[end:]
}

func isIdentifier(text string) bool {
	name, rest := cutIdentifier(text)
	return name != "" && rest == ""
}

func isIdentifierByte(c byte, at int) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || at > 0 && '0' <= c && c <= '9'
}
