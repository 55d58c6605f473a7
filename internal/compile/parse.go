package compile

import (
	"fmt"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// parse reads every expression, template and tree, and compiles it against the names that are declared where it stands.
func parse(d *draft) error {
	for _, rpc := range d.rpcs {
		p := &parser{draft: d, rpc: rpc, env: rpc.env}
		for _, call := range rpc.calls {
			p.call(call)
		}
		p.response()
	}
	return nil
}

// parser parses one RPC.
type parser struct {
	*draft
	rpc *rpc
	// env knows the RPC's names and those of the loops around.
	env *expr.Env
	// loops are those around the current place, from the outermost.
	loops []*loop
}

// declared are all names that an expression may use here.
func (p *parser) declared() []string {
	names := append([]string{"request"}, p.rpc.callNames()...)
	for _, loop := range p.loops {
		names = append(names, loop.name)
	}
	return names
}

func (p *parser) loopNamed(name string) *loop {
	for _, loop := range p.loops {
		if loop.name == name {
			return loop
		}
	}
	return nil
}

// mistake reports what is wrong with an expression that stands in a node from a byte on.
func (p *parser) mistake(at *source.Node, offset int, e *expr.Error) {
	hint := e.Hint
	if name, ok := strings.CutPrefix(e.Message, expr.Undeclared); ok {
		hint = p.hintForName(strings.Trim(name, `"`), at.Text[:min(offset+e.Offset, len(at.Text))])
	}
	p.problems.Add(at.At(offset+e.Offset), e.Width, hint, "%s", e.Message)
}

// hintForName is what to do about a name that is not declared; before is the text up to it.
func (p *parser) hintForName(name, before string) string {
	if key, dashed := strings.CutSuffix(before, "-"); dashed {
		owner, key := key[:strings.LastIndexByte(key, '.')+1], key[strings.LastIndexByte(key, '.')+1:]
		if owner != "" {
			return fmt.Sprintf("a key with a dash is written %s[%q]", strings.TrimSuffix(owner, "."), key+"-"+name)
		}
	}
	return diag.DidYouMean("names", name, p.declared())
}

// call parses what a call sends.
func (p *parser) call(c *call) {
	p.path(c)
	c.query = p.parameters(c, "query")
	c.headers = p.parameters(c, "headers")
	p.checkHeaderNames(c.key.Value.Get("headers"))
	if node := c.key.Value.Get("body"); node != nil {
		if c.method == "GET" {
			p.report(node, "use query:, or another method", "a GET has no body")
			return
		}
		c.body = p.body(c, node)
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
		if field.Value.Kind == source.List || field.Value.Kind == source.Map && field.Value.Get("$text") == nil {
			p.report(field.Value, "write a text, or one hole whose value is a list", "%s of %s is not a single value", key, field.Key)
			continue
		}
		if operand := p.sent(field.Value); operand != nil {
			parameters = append(parameters, parameter{name: field.Key, at: field.Value, from: operand})
			c.inputs = append(c.inputs, operand)
		}
	}
	return parameters
}
