package compile

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// rules are the rules that fill fields, in the order of the binding. The members of a oneof stand together, at the place
// of the first.
func rules(fields []*field) []projection.Rule {
	var all []projection.Rule
	oneofs := map[protoreflect.FullName]*projection.OneOf{}
	for _, f := range fields {
		oneof := f.descriptor.ContainingOneof()
		if f.element || oneof == nil || oneof.IsSynthetic() || f.kind == chooseField {
			all = append(all, f.rule())
			continue
		}
		if oneofs[oneof.FullName()] == nil {
			oneofs[oneof.FullName()] = &projection.OneOf{}
			all = append(all, oneofs[oneof.FullName()])
		}
		members := oneofs[oneof.FullName()]
		members.Members = append(members.Members, f.rule())
	}
	return all
}

func (f *field) target() projection.Target {
	target := projection.Target{
		Number: f.descriptor.Number(), Path: f.path, At: f.key.Value.Position,
		Presence:   f.element || f.descriptor.HasPresence(),
		MayBeUnset: f.mayBeUnset(),
		Required:   !f.element && isRequired(f.descriptor),
	}
	if f.from != nil {
		target.At = f.from.at.Position
	}
	return target
}

func (f *field) rule() projection.Rule {
	rule := f.bareRule()
	if f.when == nil || f.kind == leafField {
		return rule
	}
	return &projection.Gate{Target: f.target(), When: f.when.Operand, Rule: rule}
}

func (f *field) bareRule() projection.Rule {
	switch f.kind {
	case listField:
		return &projection.List{Target: f.target(), From: f.from.Operand, Element: f.encoding}
	case entriesField:
		return &projection.Entries{
			Target: f.target(), From: f.from.Operand,
			Key: projection.EncodingOf(f.descriptor.MapKey()), Value: projection.EncodingOf(f.descriptor.MapValue()),
		}
	case messageField:
		return &projection.Message{Target: f.target(), Fields: rules(f.children), Constant: allConstant(f.children)}
	case eachField:
		return f.eachRule()
	case joinField:
		return f.joinRule()
	case concatField:
		concat := &projection.Concat{Target: f.target(), Order: f.order}
		for _, part := range f.children {
			concat.Parts = append(concat.Parts, part.rule())
		}
		return concat
	case chooseField:
		return f.chooseRule()
	case mapField:
		return f.mapRule()
	case copiedMessage:
		return &projection.Copy{Target: f.target(), From: f.from.Operand.(*projection.Request)}
	default:
		return f.leafRule()
	}
}

func (f *field) leafRule() *projection.Leaf {
	leaf := &projection.Leaf{
		Target: f.target(), From: f.from.Operand, Encoding: f.encoding, Constant: f.from.constant(),
	}
	if f.when != nil {
		leaf.From = &projection.Guarded{When: f.when.Operand, From: f.from.Operand}
		leaf.Constant = leaf.Constant && f.when.constant()
	}
	if f.fallback != nil {
		leaf.Default = f.fallback
	}
	return leaf
}

// allConstant reports whether no field reads an answer.
func allConstant(fields []*field) bool {
	constant := true
	for _, f := range fields {
		f.operands(func(o *operand) { constant = constant && o.constant() })
	}
	return constant
}

func (f *field) eachRule() *projection.Each {
	each := &projection.Each{Target: f.target(), Loop: *f.loop.freeze()}
	switch {
	case f.mapKey != nil:
		each.Key = f.mapKey.leafRule()
		each.Fields = []projection.Rule{f.entryValue()}
		each.HasValue = f.hasValue()
	default:
		each.Element = f.elementRule()
	}
	return each
}

// elementRule is what an element of a loop becomes.
func (f *field) elementRule() projection.Element {
	if !f.hasValue() {
		return projection.Element{Fields: rules(f.children)}
	}
	value := f.children[0]
	value.descriptor = numbered{value.descriptor, f.descriptor.Number()}
	return projection.Element{Value: value.leafRule()}
}

func (f *field) joinRule() projection.Rule {
	join := &projection.Join{Element: f.join.element.Operand, Place: f.join.place.Operand}
	if f.descriptor.IsList() {
		return &projection.Each{Target: f.target(), Loop: *f.loop.freeze(), Element: f.elementRule(), Join: join}
	}
	match := &projection.Match{Target: f.target(), Loop: *f.loop.freeze(), Element: f.elementRule(), Join: join, Constant: allConstant(f.children)}
	if match.Value != nil {
		match.Value.Target = f.target()
	}
	return match
}

func (f *field) chooseRule() *projection.Choose {
	choose := &projection.Choose{Target: f.target(), From: f.from.Operand, Cases: map[string]projection.Rule{}}
	choose.Required = false
	for value, member := range f.cases {
		if value == opElse {
			choose.Else = member.rule()
			continue
		}
		choose.Cases[value] = member.rule()
	}
	return choose
}

// entryValue is the rule of an entry's value in a loop.
func (f *field) entryValue() projection.Rule {
	if f.hasValue() {
		return f.children[0].rule()
	}
	value := f.descriptor.MapValue()
	return &projection.Message{
		Target: projection.Target{Number: value.Number(), Path: f.path + "[]", Presence: true, MayBeUnset: true, At: f.from.at.Position},
		Fields: rules(f.children), Constant: true,
	}
}

// mapRule writes a map's entries as the repeated messages that they are on the wire.
func (f *field) mapRule() projection.Rule {
	group := &projection.Group{}
	for _, entry := range f.children {
		value := entry.rule()
		group.Rules = append(group.Rules, &projection.Message{
			Target:   projection.Target{Number: f.descriptor.Number(), Path: entry.path, Presence: true, MayBeUnset: true, At: entry.key.KeyAt},
			Fields:   []projection.Rule{entry.mapKey.leafRule(), value},
			Constant: allConstant([]*field{entry}),
		})
	}
	return group
}

// numbered is a field under another number.
type numbered struct {
	protoreflect.FieldDescriptor
	number protowire.Number
}

// Number implements protoreflect.FieldDescriptor.
func (n numbered) Number() protowire.Number { return n.number }
