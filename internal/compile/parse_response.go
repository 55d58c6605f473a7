package compile

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// The operators of the response tree. No proto field can have a $ in its name.
const (
	opText    = "$text"
	opEnum    = "$enum"
	opElse    = "$else"
	opFrom    = "$from"
	opDefault = "$default"
	opEach    = "$each"
	opKey     = "$key"
	opValue   = "$value"
	opWhere   = "$where"
	opJoin    = "$join"
	opOn      = "$on"
	opFirst   = "$first"
	opConcat  = "$concat"
	opOrder   = "$order"
	opIf      = "$if"
	opOneof   = "$oneof"
	opTable   = "$table"
)

// leading are the operators that say what a mapping is; the others go with one of them.
var (
	leading   = []string{opText, opEnum, opFrom, opEach, opJoin, opFirst, opConcat}
	following = []string{opElse, opDefault, opKey, opValue, opWhere, opOn, opOrder, opIf, opOneof, opTable}
)

// response parses the response tree.
func (p *parser) response() {
	output := p.rpc.method.Output()
	tree := p.rpc.key.Value.Get("response")
	switch {
	case tree == nil && output.Fields().Len() == 0:
		return
	case tree == nil:
		p.reportKey(p.rpc.key, "add response: with the fields of "+string(output.FullName()), "RPC %s has no response", p.rpc.key.Key)
	case tree.Kind != source.Map:
		p.report(tree, "write field: expression lines", "response is not a tree of fields")
	default:
		p.rpc.fields = p.fields(tree, output, "")
	}
}

// fields parses the fields of a message. Operators among the keys belong to the caller.
func (p *parser) fields(tree *source.Node, message protoreflect.MessageDescriptor, prefix string) []*field {
	var fields []*field
	for _, key := range tree.Fields {
		if strings.HasPrefix(key.Key, "$") {
			continue
		}
		if oneof := message.Oneofs().ByName(protoreflect.Name(key.Key)); oneof != nil && !oneof.IsSynthetic() {
			if f := p.oneof(key, oneof, prefix); f != nil {
				fields = append(fields, f)
			}
			continue
		}
		descriptor := message.Fields().ByName(protoreflect.Name(key.Key))
		if descriptor == nil {
			hint := diag.DidYouMean("fields", key.Key, names(message.Fields()))
			p.reportKey(key, hint, "unknown field %q in %s", key.Key, message.FullName())
			continue
		}
		if f := p.field(key, descriptor, prefix+key.Key); f != nil {
			fields = append(fields, f)
		}
	}
	return fields
}

// field parses where one field comes from. It returns nil if it reported a problem.
func (p *parser) field(key source.Field, descriptor protoreflect.FieldDescriptor, path string) *field {
	f := &field{descriptor: descriptor, path: path, key: key}
	if descriptor.Message() != nil && descriptor.Message().FullName() == partialType {
		p.reportKey(key, "remove it", "field %q is filled by Sheaf, with what is missing", path)
		return nil
	}
	if descriptor.Kind() == protoreflect.GroupKind {
		p.reportKey(key, "use a plain message in the contract", "field %q is a group, which cannot be bound", path)
		return nil
	}
	switch node := key.Value; node.Kind {
	case source.Null:
		p.report(node, "leave the field out", "a field cannot come from null: null and missing are one thing")
		return nil
	case source.List:
		return p.written(f, node)
	case source.Map:
		return p.tree(f, node)
	default:
		if f.from = p.enumLiteral(f, node); f.from == nil {
			f.from = p.leaf(node)
		}
		return p.withEncoding(f, projection.EncodingOf)
	}
}

// enumLiteral is the value of an enum by its name; nil if the text is none.
func (p *parser) enumLiteral(f *field, node *source.Node) *operand {
	isEnum := f.descriptor.Kind() == protoreflect.EnumKind && !f.descriptor.IsMap() && !f.descriptor.IsList()
	if !isEnum || node.Kind != source.String || p.isDeclared(node.Text) || f.descriptor.Enum().Values().ByName(protoreflect.Name(node.Text)) == nil {
		return nil
	}
	return p.constant(node, node.Text)
}

// written parses a list that is written out: an element for each line.
func (p *parser) written(f *field, node *source.Node) *field {
	if !f.descriptor.IsList() || f.element {
		p.report(node, "write one expression", "field %q is not repeated, so it cannot come from a list", f.path)
		return nil
	}
	f.kind = concatField
	for _, item := range node.Items {
		key := source.Field{Key: f.key.Key, KeyAt: item.Position, Value: item}
		if element := p.field(key, elementField{f.descriptor}, f.path+"[]"); element != nil {
			element.element = true
			f.children = append(f.children, element)
		}
	}
	return f
}

// leaf parses an expression or a literal.
func (p *parser) leaf(node *source.Node) *operand {
	if node.Kind == source.String {
		return p.expression(node, node.Text, 0)
	}
	return p.literal(node)
}

// tree parses a mapping, with the condition that it may have.
func (p *parser) tree(f *field, node *source.Node) *field {
	parsed := p.operator(f, node)
	if at := node.Get(opIf); at != nil && parsed != nil {
		if parsed.when = p.condition(at); parsed.when == nil {
			return nil
		}
	}
	return parsed
}

// operator parses a mapping: an operator's, a message's or a map's.
func (p *parser) operator(f *field, node *source.Node) *field {
	switch operator, at := firstOperator(node); operator {
	case "":
		return p.plainTree(f, node)
	case opText:
		p.onlyKeys(node, opText)
		text := node.Get(opText)
		if text.Kind != source.String {
			p.report(text, `write it in quotes: {$text: "..."}`, "$text is not a text")
			return nil
		}
		f.from, f.note = p.shownText(text), "text "
		return p.withEncoding(f, projection.EncodingOf)
	case opFrom:
		return p.fromDefault(f, node)
	case opEnum:
		return p.enum(f, node)
	case opEach:
		return p.each(f, node)
	case opJoin:
		return p.joined(f, node)
	case opFirst:
		return p.first(f, node)
	case opConcat:
		return p.concat(f, node)
	default:
		hint := diag.DidYouMean("operators", operator, slices.Concat(leading, following))
		if slices.Contains(following, operator) {
			hint = operator + " goes with another operator, such as $each, $enum or $from"
		}
		p.reportKey(at, hint, "unknown operator %q", operator)
		return nil
	}
}

// firstOperator is the operator that says what a mapping is.
func firstOperator(node *source.Node) (string, source.Field) {
	var found source.Field
	for _, key := range node.Fields {
		switch {
		case !strings.HasPrefix(key.Key, "$") || key.Key == opIf:
		case slices.Contains(leading, key.Key):
			return key.Key, key
		case found.Key == "":
			found = key
		}
	}
	return found.Key, found
}

// onlyKeys reports every key of a mapping that is not among those allowed. A condition may stand everywhere.
func (p *parser) onlyKeys(node *source.Node, allowed ...string) {
	for _, key := range node.Fields {
		if key.Key != opIf && !slices.Contains(allowed, key.Key) {
			p.reportKey(key, diag.DidYouMean("keys", key.Key, allowed), "unexpected key %q beside %s", key.Key, allowed[0])
		}
	}
}

// plainTree parses the fields of a message or the entries of a map.
func (p *parser) plainTree(f *field, node *source.Node) *field {
	switch descriptor := f.descriptor; {
	case descriptor.IsMap():
		return p.entries(f, node)
	case descriptor.IsList():
		p.report(node, "begin it with $each: NAME in LIST", "field %q is repeated, so one mapping cannot fill it", f.path)
	case descriptor.Message() == nil || projection.EncodingOf(descriptor) != nil:
		p.report(node, "write an expression", "field %q is of type %s, not a message with fields", f.path, typeName(descriptor))
	case isAny(descriptor):
		p.report(node, "write an expression that gives an object with @type", "field %q is a google.protobuf.Any, whose fields nobody knows", f.path)
	default:
		f.kind = messageField
		f.children = p.fields(node, descriptor.Message(), f.path+".")
		return f
	}
	return nil
}

// entries parses a map's entries, written one by one.
func (p *parser) entries(f *field, node *source.Node) *field {
	f.kind = mapField
	for _, key := range node.Fields {
		entry := p.field(key, elementField{f.descriptor.MapValue()}, f.path+"["+key.Key+"]")
		if entry == nil {
			continue
		}
		entry.element = true
		name := &source.Node{Kind: source.String, Position: key.KeyAt, Text: key.Key}
		entry.mapKey = &field{descriptor: f.descriptor.MapKey(), element: true, path: entry.path, key: key, from: p.constant(name, key.Key)}
		p.withEncoding(entry.mapKey, projection.EncodingOf)
		f.children = append(f.children, entry)
	}
	return f
}

// withEncoding finds how a leaf's value becomes wire bytes.
func (p *parser) withEncoding(f *field, encodingOf func(protoreflect.FieldDescriptor) *projection.Encoding) *field {
	if f.from == nil {
		return nil
	}
	descriptor := f.descriptor
	if descriptor.IsMap() && !f.element {
		return p.objectEntries(f)
	}
	f.encoding = encodingOf(descriptor)
	if isAny(descriptor) {
		f.encoding = projection.AnyEncoding(p.types)
	}
	if descriptor.IsList() && !f.element {
		f.kind = listField
	}
	if f.encoding == nil {
		return p.messageWithout(f)
	}
	return f
}

func isAny(descriptor protoreflect.FieldDescriptor) bool {
	return descriptor.Message() != nil && !descriptor.IsMap() && descriptor.Message().FullName() == "google.protobuf.Any"
}

// objectEntries fills a map from the members of a JSON object.
func (p *parser) objectEntries(f *field) *field {
	f.kind = entriesField
	if projection.EncodingOf(f.descriptor.MapValue()) == nil {
		p.report(f.from.at, "use $each with $key, and say where each field comes from", "map %q has messages for values", f.path)
		return nil
	}
	return f
}

// messageWithout handles a message that no single JSON value can fill, unless one of the same type does.
func (p *parser) messageWithout(f *field) *field {
	message := f.descriptor.Message()
	if from := f.from; from.message != nil && from.message.FullName() == message.FullName() && from.list == (f.kind == listField) {
		if request, ok := from.Operand.(*projection.Request); ok && f.kind == leafField && !f.element {
			f.kind, from.Operand = copiedMessage, request
			return f
		}
		f.encoding = projection.ObjectEncoding(message)
		return f
	}
	hint := "write its fields below it, each with where it comes from"
	if f.kind == listField {
		hint = "use $each: NAME in LIST, and say where each field comes from"
	}
	p.report(f.from.at, hint, "field %q is a message (%s), which no single value can fill", f.path, message.FullName())
	return nil
}
