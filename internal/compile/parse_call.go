package compile

import (
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// parseCall parses what a call sends, and when.
func (p *parser) parseCall(c *call) {
	c.sent = map[string][]plan.Sent{}
	c.when = p.condition(c.key.Value.Get("when"))
	c.addInputs(c.when)
	inner := p.eachOf(c)
	if inner == nil {
		return
	}
	if c.callee != nil {
		inner.callee(c)
	} else {
		inner.request(c)
	}
	inner.aboutAnswer(c)
}

// addInputs notes what a call needs. Operands that could not be parsed are nil.
func (c *call) addInputs(operands ...*operand) {
	for _, operand := range operands {
		if operand != nil {
			c.inputs = append(c.inputs, operand)
		}
	}
}

// condition parses an expression that is true or false; nil if there is none.
func (p *parser) condition(node *source.Node) *operand {
	if node == nil {
		return nil
	}
	condition := p.expression(node, node.Text, 0)
	if condition != nil && condition.typ.Kind() != cel.BoolKind && condition.typ.Kind() != cel.DynKind {
		p.reportOperand(condition, "compare it with something", "condition %s is a %s, not true or false", condition, celName(condition.typ))
		return nil
	}
	return condition
}

// request parses what an upstream is sent.
func (p *parser) request(c *call) {
	p.path(c)
	c.query = p.parameters(c, "query")
	c.headers = p.parameters(c, "headers")
	p.checkHeaderNames(c.key.Value.Get("headers"))
	p.forwarded(c)
	p.payload(c)
	for _, key := range []string{"binding", "request"} {
		if at := c.key.Value.Get(key); at != nil {
			p.report(at, "remove it, or target an RPC", "%s is for calls of RPCs", key)
		}
	}
}

// forwarded checks the client headers that are sent on.
func (p *parser) forwarded(c *call) {
	node := c.key.Value.Get("forward_headers")
	if node == nil {
		return
	}
	for _, item := range node.Items {
		hint, refused := unsendable[strings.ToLower(item.Text)]
		switch {
		case refused:
			p.report(item, hint, "header %q cannot be sent on", item.Text)
		case p.isKeyHeader(item.Text):
			p.report(item, "send who calls in a header of your own, such as X-Caller: ${caller.id}", "header %q carries the API keys of callers, and is not for upstreams", item.Text)
		case !isToken(item.Text):
			p.report(item, "use letters, digits and dashes", "%q is no header name", item.Text)
		}
	}
}

func (p *parser) path(c *call) {
	name, path, found := strings.Cut(c.target.Text, ":")
	if !found {
		return // resolve has reported it
	}
	offset := len(name) + 1
	template, mistake := p.template(path)
	if mistake != nil {
		p.mistake(c.target, offset, mistake)
		return
	}
	c.path = template
	for _, hole := range template.Holes {
		operand := p.expression(c.target, hole.Text, offset+hole.Offset)
		if operand != nil {
			c.holes = append(c.holes, operand)
			c.inputs = append(c.inputs, operand)
		}
	}
}

func (p *parser) parameters(c *call, key string) []parameter {
	node := c.key.Value.Get(key)
	if node == nil {
		return nil
	}
	var parameters []parameter
	for _, field := range node.Fields {
		isTree := field.Value.Kind == source.Map && field.Value.Get(opText) == nil && field.Value.Get(opJSON) == nil
		if field.Value.Kind == source.List || isTree {
			p.report(field.Value, "write a text, or one hole whose value is a list", "%s of %s is not a single value", key, field.Key)
			continue
		}
		if key == "headers" && strings.ContainsFunc(field.Value.Text, unicode.IsControl) {
			p.report(field.Value, "write it on one line", "header %s holds a line break or a control character", field.Key)
			continue
		}
		if operand := p.sent(field.Value); operand != nil {
			parameters = append(parameters, parameter{name: field.Key, at: field.Value, from: operand})
			c.inputs = append(c.inputs, operand)
			p.noteSent(c, field.Key, operand)
		}
	}
	return parameters
}

// noteSent notes the request fields that are sent under a name of the target's. Of several alternatives, the first one that
// has a value is to blame.
func (p *parser) noteSent(c *call, name string, o *operand) {
	alternatives := o.firstOf
	if alternatives == nil {
		alternatives = []*operand{o}
	}
	for _, one := range alternatives {
		if field := p.requestField(one); field != "" {
			c.sent[name] = append(c.sent[name], plan.Sent{Field: field, From: one.Operand})
		}
	}
}

// requestField is the one request field that an operand reads, as a path; the index of a loop's element stands as [].
func (p *parser) requestField(o *operand) string {
	found := ""
	for _, selection := range o.selections() {
		field := p.fieldOf(selection)
		if field == "" || found != "" && found != field {
			continue
		}
		found = field
	}
	return found
}

// fieldOf is the request field that a path such as request.text or t.text means, or "".
func (p *parser) fieldOf(selection string) string {
	if field, ok := strings.CutPrefix(selection, requestName+"."); ok {
		return field
	}
	root, rest, _ := strings.Cut(selection, ".")
	loop := p.loopNamed(root)
	if loop == nil || loop.list == nil {
		return ""
	}
	list, ok := expr.ParsePath(loop.list.String())
	if !ok || list.Root != requestName {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(list.String(), requestName+".")+"[]."+rest, ".")
}

// metadata parses headers or trailers of the response.
func (p *parser) metadata(key string) []parameter {
	node := p.rpc.key.Value.Get(key)
	if node == nil {
		return nil
	}
	p.checkHeaderNames(node)
	var parameters []parameter
	for _, field := range node.Fields {
		if isProtocolHeader(field.Key) {
			p.reportKey(field, "choose another name", "header %q belongs to the protocol", field.Key)
			continue
		}
		if field.Value.Kind == source.Map || field.Value.Kind == source.List {
			p.report(field.Value, "write an expression", "%s of %s is not a single value", key, field.Key)
			continue
		}
		if operand := p.leaf(field.Value); operand != nil {
			parameters = append(parameters, parameter{name: field.Key, at: field.Value, from: operand})
		}
	}
	return parameters
}
