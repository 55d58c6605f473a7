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
