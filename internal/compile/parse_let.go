package compile

import (
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// lets parses the names of let, in the order of the file; each may use those before it.
func (p *parser) lets() {
	node := p.rpc.key.Value.Get("let")
	if node == nil {
		return
	}
	for _, key := range node.Fields {
		if use, taken := reserved[key.Key]; taken {
			p.reportKey(key, "choose another name", "let cannot name %q: the name is reserved for %s", key.Key, use)
			continue
		}
		if p.isDeclared(key.Key) {
			p.reportKey(key, "choose another name", "name %q is taken already", key.Key)
			continue
		}
		p.let(key)
	}
}

func (p *parser) let(key source.Field) {
	if key.Value.Kind == source.Map && key.Value.Get(opText) == nil || key.Value.Kind == source.List || key.Value.Kind == source.Null {
		p.report(key.Value, "write an expression", "let %q is not an expression", key.Key)
		return
	}
	l := &let{name: key.Key, index: p.rpc.computedLets()}
	l.from = p.letOperand(key.Value)
	if l.from == nil {
		return
	}
	if answer, ok := l.from.Operand.(*projection.Answer); ok {
		path := p.unaliased(answer.Path)
		l.path = &path
	}
	if inner := p.with(key.Value, expr.Variable{Name: l.name, Type: l.from.typ}); inner != nil {
		p.env = inner.env
		p.rpc.lets = append(p.rpc.lets, l)
	}
}

// letOperand parses the value of a name: a path into an answer is one, anything else is computed.
func (p *parser) letOperand(node *source.Node) *operand {
	if node.Kind != source.String {
		return p.computed(node, node.Text, 0)
	}
	found := p.expression(node, node.Text, 0)
	if found == nil {
		return nil
	}
	switch found.Operand.(type) {
	case *projection.Answer, *projection.Computed:
		return found
	default:
		return p.computed(node, node.Text, 0)
	}
}

// computedLets is how many names of let are computed.
func (r *rpc) computedLets() int {
	count := 0
	for _, let := range r.lets {
		if let.path == nil {
			count++
		}
	}
	return count
}

// requirements parses what a request must fulfil.
func (p *parser) requirements() {
	node := p.rpc.key.Value.Get("require")
	if node == nil {
		return
	}
	for i, item := range node.Items {
		message := p.rpc.message.GetRequire()[i]
		parsed := requirement{field: message.GetField(), reason: message.GetReason(), at: item, that: p.condition(item.Get("that"))}
		if text := item.Get("message"); text != nil {
			parsed.message = p.shownText(text)
		}
		if parsed.that == nil || parsed.message == nil {
			continue
		}
		if len(parsed.that.calls)+len(parsed.message.calls) > 0 {
			p.report(item.Get("that"), "name the request alone", "a requirement cannot wait for a call")
			continue
		}
		p.rpc.require = append(p.rpc.require, parsed)
	}
}
