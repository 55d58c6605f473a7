package compile

import (
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
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
)

var operators = []string{opText, opEnum, opElse, opFrom, opDefault, opEach, opKey, opValue}

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
	switch node := key.Value; node.Kind {
	case source.Null:
		p.report(node, "leave the field out", "a field cannot come from null: null and missing are one thing")
		return nil
	case source.List:
		p.report(node, "use $each, or an expression such as \"[a.x, b.y]\"", "a field cannot come from a YAML list")
		return nil
	case source.Map:
		return p.tree(f, node)
	default:
		f.from = p.leaf(node)
		return p.withEncoding(f, projection.EncodingOf)
	}
}

// leaf parses an expression or a literal.
func (p *parser) leaf(node *source.Node) *operand {
	if node.Kind == source.String {
		return p.expression(node, node.Text, 0)
	}
	return p.literal(node)
}

// tree parses a mapping: an operator's, a message's or a map's.
func (p *parser) tree(f *field, node *source.Node) *field {
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
		f.from, f.note = p.text(text, false), "text "
		return p.withEncoding(f, projection.EncodingOf)
	case opFrom:
		return p.fromDefault(f, node)
	case opEnum:
		return p.enum(f, node)
	case opEach:
		return p.each(f, node)
	default:
		hint := diag.DidYouMean("operators", operator, operators)
		if slices.Contains(operators, operator) {
			hint = operator + " goes with $each, $enum or $from"
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
		case !strings.HasPrefix(key.Key, "$"):
		case key.Key == opEach || key.Key == opEnum || key.Key == opFrom || key.Key == opText:
			return key.Key, key
		case found.Key == "":
			found = key
		}
	}
	return found.Key, found
}

// onlyKeys reports every key of a mapping that is not among those allowed.
func (p *parser) onlyKeys(node *source.Node, allowed ...string) {
	for _, key := range node.Fields {
		if !slices.Contains(allowed, key.Key) {
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
	case descriptor.Message().FullName() == "google.protobuf.Any":
		p.report(node, "use another type in the contract", "field %q is a google.protobuf.Any, which cannot be bound", f.path)
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
	if descriptor.IsList() && !f.element {
		f.kind = listField
	}
	if f.encoding == nil {
		return p.messageWithout(f)
	}
	return f
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

// messageWithout handles a message that no single JSON value can fill.
func (p *parser) messageWithout(f *field) *field {
	message := f.descriptor.Message()
	request, ok := f.from.Operand.(*projection.Request)
	if ok && f.kind == leafField && !f.element {
		last := request.Fields[len(request.Fields)-1]
		if !last.IsList() && !last.IsMap() && last.Message() != nil && last.Message().FullName() == message.FullName() {
			f.kind = copiedMessage
			return f
		}
	}
	hint := "write its fields below it, each with where it comes from"
	if f.kind == listField {
		hint = "use $each: NAME in LIST, and say where each field comes from"
	}
	p.report(f.from.at, hint, "field %q is a message (%s), which no single value can fill", f.path, message.FullName())
	return nil
}

// fromDefault parses {$from: EXPRESSION, $default: LITERAL}.
func (p *parser) fromDefault(f *field, node *source.Node) *field {
	p.onlyKeys(node, opFrom, opDefault)
	from := node.Get(opFrom)
	if from.Kind == source.Map || from.Kind == source.List || from.Kind == source.Null {
		p.report(from, "write $from: product.title", "$from is not an expression")
		return nil
	}
	f.from = p.leaf(from)
	if f = p.withEncoding(f, projection.EncodingOf); f == nil {
		return nil
	}
	literal := node.Get(opDefault)
	if literal == nil {
		p.report(node, "add $default, or write the expression alone", "$from without $default")
		return nil
	}
	if f.kind != leafField {
		p.report(literal, "leave $default out", "field %q of type %s is empty without a value", f.path, typeName(f.descriptor))
		return nil
	}
	f.fallback = p.fallback(f, literal)
	return f
}

// fallback is the literal of a $default, which must fit its field.
func (p *parser) fallback(f *field, node *source.Node) *projection.Constant {
	if node.Kind == source.Map || node.Kind == source.List || node.Kind == source.Null {
		p.report(node, "write a text, a number, true or false", "$default is not a literal")
		return nil
	}
	var literal *operand
	if node.Kind == source.String {
		literal = p.constant(node, node.Text)
	} else {
		literal = p.literal(node)
	}
	if literal == nil {
		return nil
	}
	constant := literal.Operand.(*projection.Constant)
	if !f.encoding.Accepts(constant) {
		p.report(node, "write "+f.encoding.Expected, "$default does not fit field %q of type %s", f.path, typeName(f.descriptor))
		return nil
	}
	return constant
}

// enum parses {$enum: EXPRESSION, text: VALUE_NAME, ..., $else: VALUE_NAME}.
func (p *parser) enum(f *field, node *source.Node) *field {
	if f.descriptor.Kind() != protoreflect.EnumKind || f.descriptor.IsMap() {
		p.report(node.Get(opEnum), "write an expression", "field %q is of type %s, not an enum", f.path, typeName(f.descriptor))
		return nil
	}
	from := node.Get(opEnum)
	if from.Kind != source.String {
		p.report(from, "write $enum: stock.state", "$enum is not an expression")
		return nil
	}
	f.from, f.note = p.expression(from, from.Text, 0), "enum "
	cases := map[string]protoreflect.EnumNumber{}
	var otherwise *protoreflect.EnumNumber
	for _, key := range node.Fields {
		if key.Key == opEnum {
			continue
		}
		number, ok := p.enumValue(f.descriptor.Enum(), key)
		switch {
		case !ok:
		case key.Key == opElse:
			otherwise = &number
		case strings.HasPrefix(key.Key, "$"):
			p.reportKey(key, diag.DidYouMean("keys", key.Key, []string{opElse}), "unexpected key %q beside $enum", key.Key)
		default:
			cases[key.Key] = number
		}
	}
	if len(cases) == 0 && len(node.Fields) == 1 {
		p.report(from, "add lines such as in_stock: AVAILABILITY_IN_STOCK", "$enum has no cases")
		return nil
	}
	expected := "one of " + strings.Join(sortedKeys(cases), ", ")
	return p.withEncoding(f, func(protoreflect.FieldDescriptor) *projection.Encoding {
		return projection.EnumEncoding(expected, cases, otherwise)
	})
}

func (p *parser) enumValue(enum protoreflect.EnumDescriptor, key source.Field) (protoreflect.EnumNumber, bool) {
	value := enum.Values().ByName(protoreflect.Name(key.Value.Text))
	if value == nil || key.Value.Kind != source.String {
		hint := diag.DidYouMean("values", key.Value.Text, names(enum.Values()))
		p.report(key.Value, hint, "unknown value %q of enum %s", key.Value.Text, enum.FullName())
		return 0, false
	}
	return value.Number(), true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

var eachPattern = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.+?)\s*$`)

// each parses {$each: NAME in LIST, ...}.
func (p *parser) each(f *field, node *source.Node) *field {
	if !f.descriptor.IsList() && !f.descriptor.IsMap() || f.element {
		p.report(node.Get(opEach), "remove $each", "field %q is not repeated", f.path)
		return nil
	}
	f.kind = eachField
	f.loop = p.loop(f, node.Get(opEach))
	if f.loop == nil {
		return nil
	}
	inner := *p
	inner.loops = append(slices.Clone(p.loops), f.loop)
	env, err := p.env.With(f.loop.variable())
	if err != nil {
		p.report(node.Get(opEach), "choose another name", "%v", err)
		return nil
	}
	inner.env = env
	inner.element(f, node)
	return f
}

// loop parses NAME in LIST.
func (p *parser) loop(f *field, node *source.Node) *loop {
	match := eachPattern.FindStringSubmatchIndex(node.Text)
	if node.Kind != source.String || match == nil {
		p.report(node, "write $each: item in order.items", "$each is not of the form NAME in LIST")
		return nil
	}
	name := node.Text[match[2]:match[3]]
	if use, taken := reserved[name]; taken {
		p.problems.Add(node.At(match[2]), len(name), "choose another name", "a loop cannot name %q: the name is reserved for %s", name, use)
		return nil
	}
	if p.isDeclared(name) {
		p.problems.Add(node.At(match[2]), len(name), "choose another name", "name %q is taken already", name)
		return nil
	}
	f.from = p.list(node, node.Text[match[4]:match[5]], match[4])
	if f.from == nil {
		return nil
	}
	loop := &loop{name: name, depth: len(p.loops), typ: elementType(f.from.typ), calls: f.from.calls}
	if answer, ok := f.from.Operand.(*projection.Answer); ok {
		p.overFrames(loop, answer)
	}
	return loop
}

// list parses the list of a loop. A path into an answer is kept as one only if a scan can follow it.
func (p *parser) list(node *source.Node, text string, offset int) *operand {
	list := p.expression(node, text, offset)
	if list == nil {
		return nil
	}
	answer, isAnswer := list.Operand.(*projection.Answer)
	_, isRequest := list.Operand.(*projection.Request)
	if isRequest || isAnswer && len(answer.Rest) > 0 {
		computed := p.computed(node, text, offset)
		if computed != nil {
			computed.offset, computed.width = list.offset, list.width
		}
		return computed
	}
	return list
}

// overFrames makes a loop go over the elements that a scan finds.
func (p *parser) overFrames(l *loop, list *projection.Answer) {
	frame, origin := p.frameOf(list)
	keys, _ := cutKeys(list.Path.Steps)
	list.Slot, l.frame = frame.Loop(keys)
	l.call, l.origin, l.loops = list.Call, origin+"[]", append(slices.Clone(list.Loops), l.depth)
}

// frameOf is the frame that a path begins in, and the path's origin.
func (p *parser) frameOf(list *projection.Answer) (*projection.Frame, string) {
	if outer := p.loopNamed(list.Path.Root); outer != nil {
		return outer.frame, list.Origin
	}
	return p.rpc.callNamed(list.Path.Root).shape.Root(), list.Origin
}

func elementType(list *cel.Type) *cel.Type {
	if list.Kind() == cel.ListKind && len(list.Parameters()) == 1 {
		return list.Parameters()[0]
	}
	return cel.DynType
}

// element parses what stands beside $each.
func (p *parser) element(f *field, node *source.Node) {
	value, key := node.Get(opValue), node.Get(opKey)
	descriptor, path := f.descriptor, f.path+"[]"
	if descriptor.IsMap() {
		p.keyOf(f, node, key)
		descriptor = descriptor.MapValue()
	} else if key != nil {
		p.report(key, "remove $key", "field %q is a list, so its elements have no key", f.path)
	}
	for _, entry := range node.Fields {
		known := entry.Key == opEach || entry.Key == opKey || entry.Key == opValue
		if strings.HasPrefix(entry.Key, "$") && !known {
			p.reportKey(entry, diag.DidYouMean("keys", entry.Key, []string{opKey, opValue}), "unexpected key %q beside $each", entry.Key)
		}
	}
	if isMessage := descriptor.Message() != nil && projection.EncodingOf(descriptor) == nil; isMessage && value == nil {
		f.children = p.fields(node, descriptor.Message(), path+".")
		return
	}
	p.valueOf(f, node, value, path)
}

func (p *parser) keyOf(f *field, node, key *source.Node) {
	if key == nil {
		p.report(node.Get(opEach), "add $key: with where each entry's key comes from", "field %q is a map, and $each has no $key", f.path)
		return
	}
	f.mapKey = &field{descriptor: f.descriptor.MapKey(), element: true, path: f.path + "[]", key: source.Field{Key: opKey, Value: key}, from: p.leaf(key)}
	f.mapKey = p.withEncoding(f.mapKey, projection.EncodingOf)
}

// valueOf parses the $value of a loop whose elements are no messages.
func (p *parser) valueOf(f *field, node, value *source.Node, path string) {
	if value == nil {
		p.report(node.Get(opEach), "add $value: with where each element comes from", "field %q is of type %s, and $each has no $value", f.path, typeName(f.descriptor))
		return
	}
	for _, entry := range node.Fields {
		if !strings.HasPrefix(entry.Key, "$") {
			p.reportKey(entry, "remove it", "unexpected key %q beside $value", entry.Key)
		}
	}
	descriptor := f.descriptor
	if descriptor.IsMap() {
		descriptor = descriptor.MapValue()
	}
	element := p.field(source.Field{Key: opValue, KeyAt: value.Position, Value: value}, elementField{descriptor}, path)
	if element != nil {
		element.element = true
		f.children = []*field{element}
	}
}

// elementField is an element of a repeated field, or the value of a map, as a field of its own.
type elementField struct{ protoreflect.FieldDescriptor }

// IsList implements protoreflect.FieldDescriptor: an element is no list.
func (elementField) IsList() bool { return false }

// IsMap implements protoreflect.FieldDescriptor: an element is no map.
func (elementField) IsMap() bool { return false }
