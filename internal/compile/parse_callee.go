package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// forUpstreams are the keys that only a call to an upstream has.
var forUpstreams = []string{"query", "headers", "body", "form", "form_lists", "bytes", "absent_on", "forward_headers"}

// callee parses what an RPC or a function is sent.
func (p *parser) callee(c *call) {
	for _, key := range forUpstreams {
		if at := c.key.Value.Get(key); at != nil {
			p.report(at, "write request: with the fields of "+string(c.callee.input.FullName()), "%s is for calls to upstreams", key)
		}
	}
	p.binding(c)
	node := c.key.Value.Get("request")
	switch {
	case c.callee.input == nil || node == nil:
		return
	case node.Kind == source.Map && node.Get(opFrom) == nil:
		c.callee.fields = p.fields(node, c.callee.input, "")
		for _, f := range c.callee.fields {
			f.operands(func(o *operand) { c.addInputs(o) })
		}
		p.noteFields(c, c.callee.fields)
	default:
		p.wholeRequest(c, node)
	}
}

// wholeRequest parses a request that is a message of the same type.
func (p *parser) wholeRequest(c *call, node *source.Node) {
	from := node
	if node.Kind == source.Map {
		from = node.Get(opFrom)
	}
	whole := p.expression(from, from.Text, 0)
	if whole == nil {
		return
	}
	if whole.message == nil || whole.list || whole.message.FullName() != c.callee.input.FullName() {
		p.report(from, "write its fields below it, each with where it comes from", "%s is no %s", whole, c.callee.input.FullName())
		return
	}
	c.callee.whole = whole
	c.addInputs(whole)
	for i := range whole.message.Fields().Len() {
		name := string(whole.message.Fields().Get(i).Name())
		if field := p.fieldOf(whole.String() + "." + name); field != "" {
			c.sent[name] = []plan.Sent{{Field: field, From: whole.Operand}}
		}
	}
}

// noteFields notes which request fields fill the fields of a callee's request.
func (p *parser) noteFields(c *call, fields []*field) {
	leaves(fields, func(f *field) { p.noteSent(c, f.path, f.from) })
}

// binding parses which binding of the service is called.
func (p *parser) binding(c *call) {
	node := c.key.Value.Get("binding")
	if node == nil {
		return
	}
	c.callee.bindingAt = node
	switch {
	case c.callee.method == nil:
		p.report(node, "remove it", "binding is for calls of RPCs")
	case node.Kind == source.String:
		c.callee.fixed = node.Text
	case node.Kind == source.Map && node.Get(opEnum) != nil && node.Get(opEnum).Kind == source.String:
		p.bindingTable(c.callee, node)
		c.addInputs(c.callee.from)
	default:
		p.report(node, "write a name, or {$enum: EXPRESSION, value: name, ...}", "binding is neither a name nor a table")
	}
}

func (p *parser) bindingTable(c *callee, node *source.Node) {
	from := node.Get(opEnum)
	c.from = p.expression(from, from.Text, 0)
	c.table = map[string]string{}
	lines, _ := p.cases(node)
	for _, key := range lines {
		switch {
		case key.Value.Kind != source.String:
			p.report(key.Value, "write the name of a binding", "%q does not lead to a name", key.Key)
		case key.Key == opElse:
			c.otherwise = key.Value.Text
		case strings.HasPrefix(key.Key, "$"):
			p.reportKey(key, diag.DidYouMean("keys", key.Key, []string{opElse}), "unexpected key %q beside $enum", key.Key)
		default:
			c.table[key.Key] = key.Value.Text
		}
	}
}

// link finds which bindings the calls of RPCs reach, and refuses RPCs that call themselves.
func link(d *draft) error {
	for _, r := range d.rpcs {
		for _, c := range r.calls {
			if c.callee != nil && c.callee.method != nil {
				d.linkCall(c)
			}
		}
	}
	for _, r := range d.rpcs {
		if cycle := d.callCycle(r, nil); cycle != nil && cycle[0] == r {
			d.reportKey(r.key, "let one of them do without the other", "RPC calls itself: %s", strings.Join(rpcNames(cycle), " -> "))
		}
	}
	return nil
}

// linkCall finds the RPCs that a call can reach. A binding that lacks the RPC is no mistake: that answers Unimplemented.
func (d *draft) linkCall(c *call) {
	callee := c.callee
	var known []string
	for _, other := range d.rpcs {
		if other.method.Parent().FullName() == callee.method.Parent().FullName() && !slices.Contains(known, other.bindingName()) {
			known = append(known, other.bindingName())
		}
	}
	at := callee.bindingAt
	if at == nil {
		at = c.target
	}
	named := callee.bindings()
	for _, name := range named {
		if slices.Contains(known, name) {
			continue
		}
		if name == "" {
			d.report(at, "write binding: with one of "+strings.Join(known, ", "), "service %s is bound only under names", callee.method.Parent().FullName())
			continue
		}
		d.report(at, diag.DidYouMean("bindings", name, known), "unknown binding %q of %s", name, callee.method.Parent().FullName())
	}
	for _, other := range d.rpcs {
		if other.method.FullName() == callee.method.FullName() && slices.Contains(named, other.bindingName()) {
			callee.reaches = append(callee.reaches, other)
		}
	}
}

// bindings are the names that the call can choose, sorted; "" is the public one.
func (c *callee) bindings() []string {
	if c.table == nil {
		return []string{c.fixed}
	}
	chosen := slices.Collect(maps.Values(c.table))
	if c.otherwise != "" {
		chosen = append(chosen, c.otherwise)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen)
}

// bindingName is the name of the RPC's binding; empty for the public one.
func (r *rpc) bindingName() string { return r.binding.Message.GetName() }

// callCycle is a chain of RPCs that ends where it begins, or nil.
func (d *draft) callCycle(r *rpc, chain []*rpc) []*rpc {
	if at := slices.Index(chain, r); at >= 0 {
		return append(slices.Clone(chain[at:]), r)
	}
	chain = append(chain, r)
	for _, c := range r.calls {
		if c.callee == nil {
			continue
		}
		for _, next := range c.callee.reaches {
			if cycle := d.callCycle(next, chain); cycle != nil {
				return cycle
			}
		}
	}
	return nil
}

func rpcNames(rpcs []*rpc) []string {
	names := make([]string, len(rpcs))
	for i, r := range rpcs {
		names[i] = r.key.Key
		if name := r.bindingName(); name != "" {
			names[i] = fmt.Sprintf("%s (%s)", r.key.Key, name)
		}
	}
	return names
}
