package compile

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// The operators of bodies: a JSON tree that is sent as a text, and a message in protobuf's JSON mapping.
const (
	opJSON    = "$json"
	opMessage = "$message"
)

// payload parses the body of a call in one of its forms.
func (p *parser) payload(c *call) {
	given := slices.DeleteFunc([]string{"body", "form", "bytes"}, func(key string) bool { return c.key.Value.Get(key) == nil })
	if len(given) == 0 {
		return
	}
	node := c.key.Value.Get(given[0])
	switch {
	case c.method == "GET":
		p.report(node, "use query:, or another method", "a GET has no body")
		return
	case len(given) > 1:
		p.report(c.key.Value.Get(given[1]), "keep one of them", "a call has one body, and %s is one already", given[0])
		return
	}
	switch given[0] {
	case "form":
		p.form(c, node)
	case "bytes":
		c.bytes = p.sent(node)
		c.addInputs(c.bytes)
	default:
		c.body = p.body(c, node, "")
	}
}

var formLists = map[string]projection.FormLists{
	"": projection.FormBrackets, "brackets": projection.FormBrackets, "indexed": projection.FormIndexed, "repeated": projection.FormRepeated,
}

func (p *parser) form(c *call, node *source.Node) {
	if node.Kind != source.Map {
		p.report(node, "write name: value lines", "a form is not a tree of fields")
		return
	}
	c.form = &projection.Form{Body: p.body(c, node, ""), Lists: formLists[c.message.GetFormLists()]}
}

// body parses a JSON tree with holes. path is where it stands in the whole tree, as upstreams name such places.
func (p *parser) body(c *call, node *source.Node, path string) *projection.Body {
	switch {
	case node.Kind == source.Map && node.Get(opEach) != nil:
		return p.bodyEach(c, node, path)
	case node.Kind == source.Map && node.Get(opText) == nil && node.Get(opJSON) == nil && node.Get(opMessage) == nil:
		return p.bodyObject(c, node, path)
	case node.Kind == source.List:
		body := &projection.Body{Kind: projection.BodyList}
		for _, item := range node.Items {
			part := p.body(c, item, path)
			body.Items = append(body.Items, part)
			body.HasHoles = body.HasHoles || part.Varies()
		}
		return body
	}
	operand := p.sent(node)
	if operand == nil {
		return &projection.Body{Kind: projection.BodyObject} // reported; never run
	}
	if operand.typ.Kind() == cel.StructKind {
		// A message of the contract has no JSON form that an upstream would know.
		p.reportOperand(operand, "send its fields one by one", "%s is a whole message (%s)", operand, operand.typ.TypeName())
	}
	c.inputs = append(c.inputs, operand)
	p.noteSent(c, path, operand)
	_, fixed := operand.Operand.(*projection.Constant)
	return &projection.Body{Kind: projection.BodyValue, From: operand.Operand, HasHoles: !fixed}
}

func (p *parser) bodyObject(c *call, node *source.Node, path string) *projection.Body {
	body := &projection.Body{Kind: projection.BodyObject}
	p.bodyCondition(c, node, body)
	for _, field := range node.Fields {
		name, literal := strings.CutPrefix(field.Key, "$$")
		switch {
		case literal:
			name = "$" + name
		case field.Key == opIf:
			continue
		case strings.HasPrefix(field.Key, "$"):
			p.reportKey(field, "a body knows $text, $json, $message, $if and $each; a key of the upstream's that begins with $ is written $"+field.Key,
				"unknown operator %q", field.Key)
			continue
		}
		value := p.body(c, field.Value, strings.TrimPrefix(path+"."+name, "."))
		body.Fields = append(body.Fields, projection.BodyField{Key: name, Value: value})
		body.HasHoles = body.HasHoles || value.Varies()
	}
	return body
}

// bodyCondition parses the $if of a tree.
func (p *parser) bodyCondition(c *call, node *source.Node, body *projection.Body) {
	condition := p.condition(node.Get(opIf))
	if condition == nil {
		return
	}
	body.When = condition.Operand
	c.addInputs(condition)
}

// bodyEach parses a list with one element for each element of another.
func (p *parser) bodyEach(c *call, node *source.Node, path string) *projection.Body {
	body := &projection.Body{Kind: projection.BodyEach, HasHoles: true, Loop: &projection.Loop{}}
	loop := p.loop(node.Get(opEach), opEach)
	if loop == nil {
		return body
	}
	c.addInputs(loop.list)
	inner := p.inLoop(loop, node.Get(opEach))
	if inner == nil {
		return body
	}
	loop.where = inner.condition(node.Get(opWhere))
	c.addInputs(loop.where)
	body.Loop = loop.freeze()
	body.OmitEmpty = p.requestField(loop.list) != "" // in a request, an empty list and none are one thing
	if value := node.Get(opValue); value != nil {
		inner.onlyKeys(node, opEach, opWhere, opValue)
		body.Item = inner.body(c, value, path)
		return body
	}
	item := *node
	item.Fields = slices.DeleteFunc(slices.Clone(node.Fields), func(f source.Field) bool { return f.Key == opEach || f.Key == opWhere })
	body.Item = inner.bodyObject(c, &item, path)
	return body
}
