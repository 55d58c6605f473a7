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
func (l *loader) fillEnvironment(node *Node) {
	if node.Kind == String && strings.Contains(node.Text, "${") {
		l.fillText(node)
	}
	for _, field := range node.Fields {
		l.fillEnvironment(field.Value)
	}
	for _, item := range node.Items {
		l.fillEnvironment(item)
	}
}

func (l *loader) fillText(node *Node) {
	parts, mistake := expr.ParseTemplate(node.Text)
	if mistake != nil {
		l.problems.Add(node.At(mistake.Offset), mistake.Width, writeHole, "%s", mistake.Message)
		node.open = true
		return
	}
	var text strings.Builder
	for _, part := range parts {
		if part.Hole == "" {
			text.WriteString(part.Literal)
			continue
		}
		value, ok := l.fillHole(node, part)
		node.filled, node.open = true, node.open || !ok
		text.WriteString(value)
	}
	node.Text, node.Offset = text.String(), -1
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
