package expr

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
)

// CEL's messages, in the words that authors of bindings know.
var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noField    = regexp.MustCompile(`^undefined field '([^']*)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '([^']*)'`)
	otherType  = regexp.MustCompile(`^expected type '([^']*)' but found '([^']*)'`)
	unexpected = regexp.MustCompile(`^(?:mismatched input|extraneous input|no viable alternative at input|token recognition error at:) '([^']*)'`)
	operator   = regexp.MustCompile(`^_(.+)_$`)
)

// Undeclared is the message for a name that is not declared; compile adds the hint, since it knows all names.
const Undeclared = "unknown name "

// UnknownField is the message for a field that a message does not have; compile adds the hint.
const UnknownField = "unknown field "

func (e *Env) explain(text string, issues *cel.Issues) []*Error {
	var mistakes []*Error
	for _, issue := range issues.Errors() {
		offset := byteOffset(text, issue.Location.Line(), issue.Location.Column())
		mistake := &Error{Offset: offset, Width: wordWidth(text[offset:])}
		mistake.Message, mistake.Hint = reword(issue.Message)
		if name, ok := strings.CutPrefix(mistake.Message, Undeclared); ok && strings.HasPrefix(text[offset:], "(") {
			mistake.Message = "unknown function " + name
			mistake.Offset, mistake.Width = offset-len(name)+2, len(name)-2 // CEL points at the parenthesis
			mistake.Hint = "functions are those of CEL, such as size, matches, lowerAscii and join"
		}
		if strings.HasPrefix(mistake.Message, UnknownField) && strings.HasPrefix(text[offset:], ".") {
			mistake.Offset++ // CEL points at the dot
			mistake.Width = wordWidth(text[mistake.Offset:])
		}
		mistakes = append(mistakes, mistake)
	}
	return mistakes
}

func reword(message string) (text, hint string) {
	if match := undeclared.FindStringSubmatch(message); match != nil {
		return Undeclared + strconvQuote(match[1]), ""
	}
	if match := noField.FindStringSubmatch(message); match != nil {
		return UnknownField + strconvQuote(match[1]), ""
	}
	if match := noOverload.FindStringSubmatch(message); match != nil {
		name := match[1]
		if symbol := operator.FindStringSubmatch(name); symbol != nil {
			name = strings.ReplaceAll(symbol[1], "_", " ")
		}
		return name + " does not work on " + match[2], overloadHint(name, match[2])
	}
	if match := otherType.FindStringSubmatch(message); match != nil {
		return "expected " + match[1] + ", found " + match[2], "compare it, for example with ==, in or size()"
	}
	return "expression does not parse: " + syntax(message), "an expression is a path such as product.price.cents, or CEL"
}

func overloadHint(name, operands string) string {
	if name == "contains" && strings.HasPrefix(operands, "list(") {
		return "write x in list"
	}
	return "convert one side, for example with string(), int() or double()"
}

// syntax is what the parser's message says, without the tokens that it would have taken.
func syntax(message string) string {
	first, _, _ := strings.Cut(message, "\n")
	first = strings.TrimPrefix(first, "Syntax error: ")
	match := unexpected.FindStringSubmatch(first)
	switch {
	case match == nil:
		return first
	case match[1] == "<EOF>":
		return "it ends too early"
	default:
		return "unexpected " + strconvQuote(match[1])
	}
}

func strconvQuote(name string) string { return `"` + name + `"` }

// byteOffset turns CEL's line (from 1) and column (runes, from 0) into a byte offset within text.
func byteOffset(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[offset:], '\n')
		if next < 0 {
			return len(text)
		}
		offset += next + 1
	}
	for i := range text[offset:] {
		if column == 0 {
			return offset + i
		}
		column--
	}
	return len(text)
}

// wordWidth is the length of the identifier that text begins with, at least 1.
func wordWidth(text string) int {
	name, _ := cutIdentifier(text)
	return max(1, len(name))
}
