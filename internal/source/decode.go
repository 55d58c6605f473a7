package source

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// decode fills a message of sheaf.config.v1 from a document, and checks the vocabulary's rules. Free-form fields
// (google.protobuf.Value and Struct) stay unset: who needs them reads the tree.
func (l *loader) decode(root *Node, message proto.Message) error {
	decoder := &decoder{problems: &l.problems, spoiled: map[*Node]bool{}, tried: map[setting]bool{}}
	decoder.message(root, message.ProtoReflect(), "file")
	return decoder.checkRules(root, message)
}

type decoder struct {
	problems *diag.Problems
	// spoiled are the values, and tried are the settings without a value, whose problem is known: a rule that they break
	// would only repeat it.
	spoiled map[*Node]bool
	tried   map[setting]bool
}

// setting is a key of a map, whether it is there or not; "" is one of which nobody knows what it was meant to be.
type setting struct {
	in  *Node
	key string
}

// wrong reports a value of another kind than expected. One that is not known on this machine is nobody's mistake.
func (d *decoder) wrong(node *Node, path string, expected mismatch) {
	d.spoiled[node] = true
	if node.open && expected.fromText {
		return
	}
	hint := cmp.Or(expected.hint, node.originHint())
	d.problems.Add(node.Position, node.width(), hint, "%s: expected %s, found %s", path, expected.what, node.Kind)
}

func (d *decoder) message(node *Node, message protoreflect.Message, path string) {
	if node.Kind != Map {
		d.wrong(node, path, mismatch{what: "a map of settings", hint: mapHint(message.Descriptor())})
		return
	}
	for _, field := range node.Fields {
		fields := message.Descriptor().Fields()
		descriptor := fields.ByName(protoreflect.Name(field.Key))
		if descriptor == nil {
			d.unknown(node, field, fieldNames(fields))
			continue
		}
		if other := otherMember(message, descriptor); other != "" {
			d.problems.Add(field.KeyAt, len(field.Key), "keep one of them", "%q cannot stand beside %q", field.Key, other)
			continue
		}
		d.field(field.Value, message, descriptor, field.Key)
	}
}

func (d *decoder) unknown(in *Node, field Field, known []string) {
	d.tried[setting{in, diag.Suggest(field.Key, known)}] = true
	d.problems.Add(field.KeyAt, len(field.Key), diag.DidYouMean("keys", field.Key, known), "unknown key %q", field.Key)
}

func fieldNames(fields protoreflect.FieldDescriptors) []string {
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = string(fields.Get(i).Name())
	}
	return names
}

// otherMember is the name of the member of the same oneof that is set already, or "".
func otherMember(message protoreflect.Message, descriptor protoreflect.FieldDescriptor) string {
	oneof := descriptor.ContainingOneof()
	if oneof == nil {
		return ""
	}
	if set := message.WhichOneof(oneof); set != nil {
		return string(set.Name())
	}
	return ""
}

func (d *decoder) field(node *Node, message protoreflect.Message, descriptor protoreflect.FieldDescriptor, path string) {
	switch {
	case descriptor.IsMap():
		d.entries(node, message, descriptor, path)
	case descriptor.IsList():
		d.items(node, message, descriptor, path)
	case isFreeForm(descriptor):
	default:
		if value, ok := d.value(node, descriptor, message.NewField, path); ok {
			message.Set(descriptor, value)
		}
	}
}

// isFreeForm reports whether a field takes any tree, which only its reader understands.
func isFreeForm(descriptor protoreflect.FieldDescriptor) bool {
	return descriptor.Message() != nil && descriptor.Message().ParentFile().Path() == "google/protobuf/struct.proto"
}

func (d *decoder) entries(node *Node, message protoreflect.Message, descriptor protoreflect.FieldDescriptor, path string) {
	if node.Kind != Map {
		d.wrong(node, path, mismatch{what: "a map"})
		return
	}
	entries := message.Mutable(descriptor).Map()
	newValue := func(protoreflect.FieldDescriptor) protoreflect.Value { return entries.NewValue() }
	for _, field := range node.Fields {
		key := protoreflect.ValueOfString(field.Key).MapKey()
		if isFreeForm(descriptor.MapValue()) {
			entries.Set(key, entries.NewValue())
			continue
		}
		if value, ok := d.value(field.Value, descriptor.MapValue(), newValue, path+"."+field.Key); ok {
			entries.Set(key, value)
		}
	}
}

// items reads a list. An element that cannot be read leaves its place, so that the others keep theirs.
func (d *decoder) items(node *Node, message protoreflect.Message, descriptor protoreflect.FieldDescriptor, path string) {
	if node.Kind != List {
		d.wrong(node, path, mismatch{what: "a list", hint: listHint(node)})
		return
	}
	list := message.Mutable(descriptor).List()
	newElement := func(protoreflect.FieldDescriptor) protoreflect.Value { return list.NewElement() }
	for i, item := range node.Items {
		value, ok := d.value(item, descriptor, newElement, fmt.Sprintf("%s[%d]", path, i))
		if !ok {
			d.spoiled[node], value = true, list.NewElement()
		}
		list.Append(value)
	}
}

// value reads one value of a field's type.
func (d *decoder) value(node *Node, descriptor protoreflect.FieldDescriptor, create func(protoreflect.FieldDescriptor) protoreflect.Value, path string) (protoreflect.Value, bool) {
	if message := descriptor.Message(); message != nil && message.FullName() != durationName {
		value := create(descriptor)
		d.message(node, value.Message(), path)
		return value, true
	}
	value, expected := scalar(node, descriptor)
	switch {
	case expected == nil:
		return value, true
	case expected.problem != "":
		d.spoiled[node] = true
		d.problems.Add(node.Position, node.width(), expected.hint, "%s: %s", path, expected.problem)
	default:
		d.wrong(node, path, *expected)
	}
	return protoreflect.Value{}, false
}

// pathOf joins a field path; the root has none.
func pathOf(parent, name string) string {
	return strings.TrimPrefix(parent+"."+name, ".")
}
