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
	p.checkHeaders(c)
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

// unsendable are headers that HTTP or Sheaf itself decides on, and what to do instead.
var unsendable = map[string]string{
	"authorization":     "declare it under credentials of the upstream, in sheaf.yaml",
	"host":              "the upstream's base_url decides it",
	"content-length":    "it follows from the body",
	"transfer-encoding": "it follows from the body",
	"connection":        "it belongs to the connection, not to the call",
	"upgrade":           "it belongs to the connection, not to the call",
	"te":                "it belongs to the connection, not to the call",
	"trailer":           "it belongs to the connection, not to the call",
	"keep-alive":        "it belongs to the connection, not to the call",
	"proxy-connection":  "it belongs to the connection, not to the call",
}

func (p *parser) checkHeaders(c *call) {
	node := c.key.Value.Get("headers")
	if node == nil {
		return
	}
	seen := map[string]string{}
	for _, field := range node.Fields {
		lower := strings.ToLower(field.Key)
		switch hint, refused := unsendable[lower]; {
		case refused:
			p.reportKey(field, hint, "header %q cannot be set by a call", field.Key)
		case !isToken(field.Key):
			p.reportKey(field, "use letters, digits and dashes", "%q is no header name", field.Key)
		case seen[lower] != "":
			p.reportKey(field, "keep one of them", "header %q is already set as %q", field.Key, seen[lower])
		}
		seen[lower] = field.Key
	}
}

// isToken reports whether text is a token of RFC 9110, section 5.6.2.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}
