package source

import (
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// fillEnvironment replaces the ${env.NAME} holes in every text of sheaf.yaml.
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
		l.problems.Add(node.At(mistake.Offset), mistake.Width, mistake.Hint, "%s", mistake.Message)
		return
	}
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(part.Literal)
		if part.Hole == "" {
			continue
		}
		hole := "${" + part.Hole + "}"
		name, isEnv := strings.CutPrefix(part.Hole, "env.")
		value, set := l.lookup(name)
		switch {
		case !isEnv:
			l.problems.Add(node.At(part.Offset), len(part.Hole), "write ${env.NAME}", "%s reads only the environment", ConfigName)
			text.WriteString(hole)
		case set:
			text.WriteString(value)
		case l.options.AllowUnsetEnv:
			text.WriteString(hole)
		default:
			l.problems.Add(node.At(part.Offset), len(part.Hole), "set it, then start again", "environment variable %s is not set", name)
			text.WriteString(hole)
		}
	}
	node.Text, node.Offset = text.String(), -1
}

func (l *loader) lookup(name string) (string, bool) {
	if l.options.LookupEnv == nil {
		return "", false
	}
	return l.options.LookupEnv(name)
}
