package compile

import (
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
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
	f.loop = p.loop(node.Get(opEach), opEach)
	if f.loop == nil {
		return nil
	}
	f.from = f.loop.list
	inner := p.inLoop(f.loop, node.Get(opEach))
	if inner == nil {
		return nil
	}
	f.loop.where = inner.condition(node.Get(opWhere))
	inner.element(f, node)
	return f
}

// joined parses {$join: NAME in LIST, $on: KEY == KEY, ...}. A repeated field gets all elements with the key, any other the
// one.
func (p *parser) joined(f *field, node *source.Node) *field {
	at := node.Get(opJoin)
	if f.descriptor.IsMap() {
		p.report(at, "use $each with $key", "field %q is a map", f.path)
		return nil
	}
	f.kind = joinField
	f.loop = p.loop(at, opJoin)
	if f.loop == nil {
		return nil
	}
	f.from = f.loop.list
	if p.readsLoops(f.loop.list) {
		p.report(at, "join a whole list, or use $each with $where", "the list of a join cannot depend on a loop")
		return nil
	}
	inner := p.inLoop(f.loop, at)
	if inner == nil {
		return nil
	}
	if f.join = p.joinKeys(inner, f.loop, node); f.join == nil {
		return nil
	}
	inner.element(f, node)
	return f
}

// readsLoops reports whether an operand reads an element of a loop.
func (p *parser) readsLoops(o *operand) bool {
	return slices.ContainsFunc(o.selections(), func(selection string) bool {
		root, _, _ := strings.Cut(selection, ".")
		return p.loopNamed(root) != nil
	})
}

// joinKeys parses KEY == KEY: one side names the element, the other does not.
func (p *parser) joinKeys(inner *parser, l *loop, node *source.Node) *joinKeys {
	on := node.Get(opOn)
	if on == nil {
		p.report(node.Get(opJoin), "add $on: "+l.name+".id == order.user_id", "$join without $on")
		return nil
	}
	at := comparison(on.Text)
	if at < 0 || on.Kind != source.String {
		p.report(on, "write $on: "+l.name+".id == order.user_id", "$on is not of the form KEY == KEY")
		return nil
	}
	left, right := on.Text[:at], on.Text[at+len("=="):]
	first := inner.expression(on, strings.TrimSpace(left), len(left)-len(strings.TrimLeft(left, " ")))
	offset := len(left) + len("==")
	second := inner.expression(on, strings.TrimSpace(right), offset+len(right)-len(strings.TrimLeft(right, " ")))
	if first == nil || second == nil {
		return nil
	}
	names := func(o *operand) bool {
		return slices.ContainsFunc(o.selections(), func(s string) bool { return s == l.name || strings.HasPrefix(s, l.name+".") })
	}
	keys := &joinKeys{element: first, place: second}
	if names(second) {
		keys = &joinKeys{element: second, place: first}
	}
	switch {
	case names(first) == names(second):
		p.report(on, "write $on: "+l.name+".id == order.user_id", "one side of $on, and only one, names %q", l.name)
		return nil
	case p.readsLoops(keys.element):
		p.report(on, "write what depends on the loop on the other side", "the side of $on that names %q depends on another loop", l.name)
		return nil
	}
	return keys
}

// comparison is where the == stands that is in no quotes and no brackets, or -1.
func comparison(text string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && strings.HasPrefix(text[i:], "=="):
			return i
		}
	}
	return -1
}

// loop parses NAME in LIST. It returns nil if it reported a problem.
func (p *parser) loop(node *source.Node, key string) *loop {
	match := eachPattern.FindStringSubmatchIndex(node.Text)
	if node.Kind != source.String || match == nil {
		p.report(node, "write "+key+": item in order.items", "%s is not of the form NAME in LIST", key)
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
	list := p.list(node, node.Text[match[4]:match[5]], match[4])
	if list == nil {
		return nil
	}
	if list.typ.Kind() == cel.MapKind {
		p.report(node, "go over a list, or name a key of the map", "%s is a map, not a list", list)
		return nil
	}
	loop := &loop{name: name, depth: len(p.loops), list: list, typ: elementType(list.typ), calls: list.calls}
	if list.list {
		loop.message = list.message
	}
	loop.entry = list.entry
	switch from := list.Operand.(type) {
	case *projection.Answer:
		p.overFrames(loop, from)
	case *projection.Computed:
		loop.sources = p.sourcesOf(list, from)
	}
	return loop
}

// sourcesOf are the values in answers that an expression reads.
func (p *parser) sourcesOf(list *operand, from *projection.Computed) []projection.Operand {
	var sources []projection.Operand
	for _, selection := range from.Program.Selections {
		path, ok := expr.ParsePath(selection)
		if !ok || !p.isDeclared(path.Root) {
			continue
		}
		if found, known := p.pathOperand(list.at, list.offset, path); known && found != nil {
			if _, ok := found.Operand.(*projection.Answer); ok {
				sources = append(sources, found.Operand)
			}
		}
	}
	return sources
}

// inLoop is a parser for a place where a loop's name is declared.
func (p *parser) inLoop(l *loop, at *source.Node) *parser {
	if l.depth >= maxLoops {
		p.report(at, "flatten it", "loops are nested more than %d deep", maxLoops)
		return nil
	}
	inner := p.with(at, l.variable())
	if inner != nil {
		inner.loops = append(slices.Clone(p.loops), l)
	}
	return inner
}

// list parses the list of a loop. A path into an answer is kept as one only if a scan can follow it.
func (p *parser) list(node *source.Node, text string, offset int) *operand {
	list := p.expression(node, text, offset)
	if list == nil {
		return nil
	}
	answer, isAnswer := list.Operand.(*projection.Answer)
	_, isRequest := list.Operand.(*projection.Request)
	_, isField := list.Operand.(*projection.LoopField)
	if isRequest || isField || isAnswer && len(answer.Rest) > 0 {
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
	frame, origin, keys := p.frameOf(list)
	frame.Release(keys) // of the list as a whole nothing is needed
	list.Slot, l.frame = frame.Loop(keys)
	l.document, l.origin, l.loops = list.Call, origin+"[]", append(slices.Clone(list.Loops), l.depth)
}

// frameOf is the frame that a path begins in, the path's origin, and its keys from there on.
func (p *parser) frameOf(list *projection.Answer) (*projection.Frame, string, []string) {
	path := p.unaliased(list.Path)
	if outer := p.loopNamed(path.Root); outer != nil {
		keys, _ := cutKeys(path.Steps)
		return outer.frame, list.Origin, keys
	}
	document, skip := p.documentAt(path)
	keys, _ := cutKeys(path.Steps[skip:])
	return document.shape.Root(), list.Origin, keys
}

// freeze is the loop as a plan has it.
func (l *loop) freeze() *projection.Loop {
	frozen := &projection.Loop{In: l.list.Operand, Looped: l.frame != nil, Depth: l.depth, Sources: l.sources}
	if l.where != nil {
		frozen.Where = l.where.Operand
	}
	return frozen
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
	operator := opEach
	if f.kind == joinField {
		operator = opJoin
	}
	descriptor, path := f.descriptor, f.elementPath()
	if descriptor.IsMap() {
		p.keyOf(f, node, key)
		descriptor = descriptor.MapValue()
	} else if key != nil {
		p.report(key, "remove $key", "field %q is a list, so its elements have no key", f.path)
	}
	beside := map[string][]string{opEach: {opKey, opValue, opWhere, opIf}, opJoin: {opOn, opValue, opDefault, opIf}}[operator]
	for _, entry := range node.Fields {
		known := entry.Key == operator || slices.Contains(beside, entry.Key)
		if strings.HasPrefix(entry.Key, "$") && !known {
			p.reportKey(entry, diag.DidYouMean("keys", entry.Key, beside), "unexpected key %q beside %s", entry.Key, operator)
		}
	}
	if isMessage := descriptor.Message() != nil && projection.EncodingOf(descriptor) == nil; isMessage && value == nil {
		f.children = p.fields(node, descriptor.Message(), path+".")
		return
	}
	p.valueOf(f, node, value, path, operator)
}

// elementPath is the path of an element of the field.
func (f *field) elementPath() string {
	if f.kind == joinField && !f.descriptor.IsList() {
		return f.path
	}
	return f.path + "[]"
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
func (p *parser) valueOf(f *field, node, value *source.Node, path, operator string) {
	if value == nil {
		p.report(node.Get(operator), "add $value: with where each element comes from",
			"field %q is of type %s, and %s has no $value", f.path, typeName(f.descriptor), operator)
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
	if element == nil {
		return
	}
	element.element = true
	f.children = []*field{element}
	p.parseDefault(element, node)
}

// elementField is an element of a repeated field, or the value of a map, as a field of its own.
type elementField struct{ protoreflect.FieldDescriptor }

// IsList implements protoreflect.FieldDescriptor: an element is no list.
func (elementField) IsList() bool { return false }

// IsMap implements protoreflect.FieldDescriptor: an element is no map.
func (elementField) IsMap() bool { return false }
