package compile

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// first parses {$first: [EXPRESSION, ...], $default: LITERAL}.
func (p *parser) first(f *field, node *source.Node) *field {
	p.onlyKeys(node, opFirst, opDefault)
	list := node.Get(opFirst)
	if list.Kind != source.List || len(list.Items) == 0 {
		p.report(list, "write $first: [product.title, product.name]", "$first is not a list of expressions")
		return nil
	}
	first := &projection.First{}
	whole := &operand{Operand: first, at: list, width: 1, typ: cel.DynType}
	for _, item := range list.Items {
		if item.Kind == source.Map || item.Kind == source.List || item.Kind == source.Null {
			p.report(item, "write $first: [product.title, product.name]", "$first is not a list of expressions")
			return nil
		}
		one := p.leaf(item)
		if one == nil {
			return nil
		}
		first.Of = append(first.Of, one.Operand)
		whole.firstOf = append(whole.firstOf, one)
		for _, call := range one.calls {
			whole.addCall(call)
		}
	}
	f.from = whole
	if f = p.withEncoding(f, projection.EncodingOf); f == nil {
		return nil
	}
	p.parseDefault(f, node)
	return f
}

// concat parses {$concat: [PART, ...], $order: [FIELD desc, ...]}.
func (p *parser) concat(f *field, node *source.Node) *field {
	p.onlyKeys(node, opConcat, opOrder)
	list := node.Get(opConcat)
	switch {
	case !f.descriptor.IsList() || f.element:
		p.report(list, "write an expression", "field %q is not repeated", f.path)
		return nil
	case list.Kind != source.List || len(list.Items) == 0:
		p.report(list, "write a list of expressions, of $each trees and of single elements", "$concat is not a list")
		return nil
	}
	f.kind = concatField
	for _, item := range list.Items {
		if part := p.part(f, item); part != nil {
			f.children = append(f.children, part)
		}
	}
	if order := node.Get(opOrder); order != nil {
		f.order = p.order(f, order)
	}
	return f
}

// part parses one part of a $concat: an expression that is a list, a $each, or one element.
func (p *parser) part(f *field, node *source.Node) *field {
	key := source.Field{Key: f.key.Key, KeyAt: node.Position, Value: node}
	operator, _ := firstOperator(node)
	switch {
	case node.Kind != source.Map || operator != "" && operator != opValue:
		return p.field(key, f.descriptor, f.path)
	case node.Get(opValue) != nil:
		p.onlyKeys(node, opValue)
		key.Value = node.Get(opValue)
	}
	single := p.field(key, elementField{f.descriptor}, f.path+"[]")
	if single == nil {
		return nil
	}
	single.element = true
	if at := node.Get(opIf); at != nil && single.when == nil {
		single.when = p.condition(at)
	}
	return single
}

// order parses [FIELD asc, FIELD desc, ...].
func (p *parser) order(f *field, node *source.Node) projection.Order {
	items := node.Items
	if node.Kind == source.String {
		items = []*source.Node{node}
	}
	var order projection.Order
	for _, item := range items {
		name, direction, _ := strings.Cut(strings.TrimSpace(item.Text), " ")
		if f.descriptor.Message() == nil || item.Kind != source.String || !slices.Contains([]string{"", "asc", "desc"}, strings.TrimSpace(direction)) {
			p.report(item, "write $order: [created_at desc, id]", "$order is not a list of fields of the element, each with asc or desc")
			return nil
		}
		descriptor := f.descriptor.Message().Fields().ByName(protoreflect.Name(name))
		switch {
		case descriptor == nil:
			hint := diag.DidYouMean("fields", name, names(f.descriptor.Message().Fields()))
			p.report(item, hint, "unknown field %q in %s", name, f.descriptor.Message().FullName())
			return nil
		case !projection.IsOrdered(descriptor):
			p.report(item, "order by a number, a text or a time", "field %q of type %s has no order", name, typeName(descriptor))
			return nil
		}
		order = append(order, projection.OrderKey{Field: descriptor, Descending: strings.TrimSpace(direction) == "desc"})
	}
	if len(order) == 0 {
		p.report(node, "write $order: [created_at desc, id]", "$order is empty")
	}
	return order
}

// oneof parses {$oneof: EXPRESSION, text: {MEMBER: SOURCE}, ..., $else: {MEMBER: SOURCE}} below the name of a oneof.
func (p *parser) oneof(key source.Field, oneof protoreflect.OneofDescriptor, prefix string) *field {
	node := key.Value
	from := node.Get(opOneof)
	if node.Kind != source.Map || from == nil || from.Kind != source.String {
		p.report(node, "write its members like any field, or $oneof: EXPRESSION with a member for each value",
			"%q is a oneof of %s", key.Key, oneof.Parent().FullName())
		return nil
	}
	f := &field{kind: chooseField, descriptor: oneof.Fields().Get(0), oneof: oneof, path: prefix + key.Key, key: key, cases: map[string]*field{}, note: "oneof "}
	if f.from = p.expression(from, from.Text, 0); f.from == nil {
		return nil
	}
	for _, arm := range node.Fields {
		switch {
		case arm.Key == opOneof || arm.Key == opIf:
			continue
		case strings.HasPrefix(arm.Key, "$") && arm.Key != opElse:
			p.reportKey(arm, diag.DidYouMean("keys", arm.Key, []string{opElse}), "unexpected key %q beside $oneof", arm.Key)
			continue
		}
		if member := p.member(arm, oneof, prefix); member != nil {
			f.cases[arm.Key] = member
			f.children = append(f.children, member)
		}
	}
	if at := node.Get(opIf); at != nil {
		f.when = p.condition(at)
	}
	return f
}

// member parses what one value of a $oneof sets.
func (p *parser) member(arm source.Field, oneof protoreflect.OneofDescriptor, prefix string) *field {
	if arm.Value.Kind != source.Map || len(arm.Value.Fields) != 1 {
		p.report(arm.Value, "write one member of the oneof below it, with its source", "%q does not set one member of %q", arm.Key, oneof.Name())
		return nil
	}
	key := arm.Value.Fields[0]
	descriptor := oneof.Fields().ByName(protoreflect.Name(key.Key))
	if descriptor == nil {
		p.reportKey(key, diag.DidYouMean("members", key.Key, names(oneof.Fields())), "unknown member %q of oneof %q", key.Key, oneof.Name())
		return nil
	}
	return p.field(key, descriptor, prefix+key.Key)
}
