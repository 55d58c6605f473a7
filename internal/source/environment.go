package source

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

const writeHole = "write ${env.NAME}"

// variable is the name of an environment variable.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// fillEnvironment replaces the ${env.NAME} holes in every text of sheaf.yaml. Keys have none.
func (l *loader) fillEnvironment(node *Node) { l.fillBelow(node, false) }

// fillBelow fills what stands below a node. In the rules of errors every other hole is for an answer, and in hmac for a request.
func (l *loader) fillBelow(node *Node, others bool) {
	if node.Kind == String && strings.Contains(node.Text, "${") {
		l.fillText(node, others)
	}
	for _, field := range node.Fields {
		l.fillBelow(field.Value, others || field.Key == "errors" || field.Key == "hmac")
	}
	for _, item := range node.Items {
		l.fillBelow(item, others)
	}
}

func (l *loader) fillText(node *Node, others bool) {
	parts, mistake := expr.ParseTemplate(node.Text)
	if mistake != nil {
		l.problems.Add(node.At(mistake.Offset), mistake.Width, writeHole, "%s", mistake.Message)
		node.open = true
		return
	}
	filled := make([]expr.Part, len(parts))
	kept := false
	for i, part := range parts {
		filled[i] = part
		if part.Hole == "" {
			continue
		}
		if isLater(part.Hole) || others && !strings.HasPrefix(part.Hole, "env.") {
			kept = true
			continue
		}
		value, ok := l.fillHole(node, part)
		node.filled, node.open = true, node.open || !ok
		filled[i] = expr.Part{Literal: value}
	}
	l.setText(node, filled, kept)
}

// setText puts a text together from its parts. Where holes are kept for others to read, what looks like one is escaped.
func (l *loader) setText(node *Node, parts []expr.Part, kept bool) {
	if kept && !node.filled {
		return // nothing has changed, and the text stands where it stood
	}
	var text strings.Builder
	for _, part := range parts {
		switch {
		case part.Hole != "":
			text.WriteString("${" + part.Hole + "}")
		case kept:
			text.WriteString(strings.ReplaceAll(part.Literal, "${", "$${"))
		default:
			text.WriteString(part.Literal)
		}
	}
	node.Text, node.Offset = text.String(), -1
}

// isLater reports whether a hole of sheaf.yaml is read not when the file is, but with an account at hand.
func isLater(hole string) bool {
	path, _ := expr.ParsePath(hole)
	return path.Root == "account" || path.Root == "secret" || hole == "secret"
}

// fillHole is what a hole stands for, or the hole itself.
func (l *loader) fillHole(node *Node, hole expr.Part) (string, bool) {
	at, width := node.At(hole.Offset), len(hole.Hole)
	name, isEnv := strings.CutPrefix(hole.Hole, "env.")
	value, set := l.lookup(name)
	switch {
	case !isEnv:
		l.problems.Add(at, width, writeHole, "%s reads only the environment", ConfigName)
	case !variable.MatchString(name):
		l.problems.Add(at, width, writeHole+" with a NAME of letters, digits and underscores", "%q is no name of an environment variable", name)
	case !set && !l.options.AllowUnsetEnv:
		l.problems.Add(at, width, "set it, then start again", "environment variable %s is not set", name)
	case set && !utf8.ValidString(value):
		l.problems.Add(at, width, "set it to a text", "environment variable %s is not valid UTF-8", name)
	case set:
		return value, true
	}
	return "${" + hole.Hole + "}", false
}

func (l *loader) lookup(name string) (string, bool) {
	if l.options.LookupEnv == nil {
		return "", false
	}
	return l.options.LookupEnv(name)
}
