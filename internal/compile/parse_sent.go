package compile

import (
	"strings"

	"cel.dev/cel-go/cel"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// What is sent, and what is text, is written as it is, with ${expression} holes.

// template parses a path; holes that read the environment are filled at once.
func (p *parser) template(path string) (*urltemplate.Template, *expr.Error) {
	parts, mistake := expr.ParseTemplate(path)
	if mistake != nil {
		return nil, mistake
	}
	for _, part := range parts {
		if isEnvironment(part.Hole) {
			return nil, &expr.Error{
				Offset: part.Offset, Width: len(part.Hole), Message: "a path cannot read the environment",
				Hint: "put it into the base_url of the upstream, in sheaf.yaml",
			}
		}
	}
	return urltemplate.Parse(path)
}

// sent parses a single value that is sent: a text with holes, a literal, or {$text: ...}.
func (p *parser) sent(node *source.Node) *operand {
	switch node.Kind {
	case source.String:
		if path, ok := expr.ParsePath(node.Text); ok && len(path.Steps) > 0 && p.isDeclared(path.Root) {
			p.report(node, "write ${"+node.Text+"}, or {$text: "+node.Text+"} to send the text itself",
				"%q reads as a path, but here it would be sent as text", node.Text)
			return nil
		}
		return p.text(node, true)
	case source.Map:
		if tree := node.Get(opJSON); tree != nil && len(node.Fields) == 1 {
			return p.jsonText(tree)
		}
		if message := node.Get(opMessage); message != nil && len(node.Fields) == 1 {
			return p.messageJSON(message)
		}
		return p.literalText(node)
	case source.Null:
		p.report(node, "leave it out", "null cannot be sent: null and missing are one thing")
		return nil
	default:
		return p.literal(node)
	}
}

// literalText parses {$text: ...}.
func (p *parser) literalText(node *source.Node) *operand {
	text := node.Get("$text")
	switch {
	case text == nil || len(node.Fields) != 1:
		p.report(node, "write a text, a number, or {$text: ...}", "expected a single value")
		return nil
	case text.Kind == source.List || text.Kind == source.Map || text.Kind == source.Null:
		p.report(text, `write it in quotes: {$text: "..."}`, "$text is not a text")
		return nil
	default:
		return p.text(text, false)
	}
}

// messageJSON parses {$message: PATH}.
func (p *parser) messageJSON(node *source.Node) *operand {
	found := p.expression(node, node.Text, 0)
	if found == nil {
		return nil
	}
	request, ok := found.Operand.(*projection.Request)
	if !ok || found.message == nil || found.list {
		p.report(node, "write request, or the path of a message in it", "%s is no message of the request", found)
		return nil
	}
	found.Operand, found.typ = &projection.MessageJSON{From: request, Types: p.types}, cel.DynType
	return found
}

// jsonText parses the tree of {$json: ...}. What it needs is among the operand's calls.
func (p *parser) jsonText(tree *source.Node) *operand {
	inside := &call{sent: map[string][]plan.Sent{}}
	body := p.body(inside, tree, "")
	text := &operand{Operand: &projection.JSONText{Body: body, Source: opJSON}, at: tree, width: 1, typ: cel.StringType}
	for _, input := range inside.inputs {
		for _, call := range input.calls {
			text.addCall(call)
		}
	}
	return text
}

func (p *parser) isDeclared(name string) bool {
	return name == requestName || p.documentNamed(name) != nil || p.loopNamed(name) != nil || p.rpc.letNamed(name) != nil
}

// text parses a text with holes. If a lone hole may keep its type, it does.
func (p *parser) text(node *source.Node, loneKeepsType bool) *operand {
	parts, mistake := expr.ParseTemplate(node.Text)
	if mistake != nil {
		p.mistake(node, 0, mistake)
		return nil
	}
	text := &projection.Text{Source: node.Text}
	whole := &operand{Operand: text, at: node, width: len(node.Text), typ: cel.StringType}
	var literal strings.Builder
	for _, part := range parts {
		switch {
		case part.Hole == "":
			literal.WriteString(part.Literal)
		case isEnvironment(part.Hole):
			literal.WriteString(p.environment(node, part))
		default:
			hole := p.expression(node, part.Hole, part.Offset)
			switch {
			case hole == nil:
				return nil
			case loneKeepsType && len(parts) == 1:
				return hole
			}
			text.Parts = append(text.Parts, projection.TextPart{Literal: literal.String()}, projection.TextPart{Hole: hole.Operand})
			literal.Reset()
			for _, call := range hole.calls {
				whole.addCall(call)
			}
		}
	}
	if len(text.Parts) == 0 {
		return p.constant(node, literal.String())
	}
	text.Parts = append(text.Parts, projection.TextPart{Literal: literal.String()})
	return whole
}

// shownText parses a text that clients see. Its holes take what a string field takes.
func (p *parser) shownText(node *source.Node) *operand {
	parsed := p.text(node, false)
	if parsed == nil {
		return nil
	}
	if text, ok := parsed.Operand.(*projection.Text); ok {
		text.Strict = true
	}
	return parsed
}

const environmentPrefix = "env."

func isEnvironment(hole string) bool { return strings.HasPrefix(hole, environmentPrefix) }

// environment is the value of an environment variable; without it, where that is allowed, the hole as it is written.
func (p *parser) environment(node *source.Node, part expr.Part) string {
	name := strings.TrimPrefix(part.Hole, environmentPrefix)
	if p.options.LookupEnv != nil {
		if value, ok := p.options.LookupEnv(name); ok {
			return value
		}
	}
	if !p.options.AllowUnsetEnv {
		p.problems.Add(node.At(part.Offset), len(part.Hole), "set it, then start again", "environment variable %s is not set", name)
	}
	return "${" + part.Hole + "}"
}

// constant is a text that depends on nothing.
func (p *parser) constant(node *source.Node, text string) *operand {
	raw, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		p.report(node, "use UTF-8", "text is not valid: %v", err)
		return nil
	}
	return &operand{Operand: projection.NewConstant(raw), at: node, width: len(node.Text), typ: cel.StringType}
}

// literal is a number or a boolean.
func (p *parser) literal(node *source.Node) *operand {
	if node.Kind == source.Bool {
		return &operand{Operand: projection.NewConstant([]byte(strings.ToLower(node.Text))), at: node, width: len(node.Text), typ: cel.BoolType}
	}
	if !jsontext.Value(node.Text).IsValid() {
		p.report(node, "write it in decimal, or in quotes to send the text", "%s is no JSON number", node.Text)
		return nil
	}
	typ := cel.DoubleType
	if node.Kind == source.Int {
		typ = cel.IntType
	}
	return &operand{Operand: projection.NewConstant([]byte(node.Text)), at: node, width: len(node.Text), typ: typ}
}
