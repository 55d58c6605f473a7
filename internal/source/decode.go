package source

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// decode fills a message of sheaf.config.v1 from a document, and checks the vocabulary's rules. Free-form fields
// (google.protobuf.Value and Struct) stay unset: who needs them reads the tree.
func (l *loader) decode(root *Node, message proto.Message) {
	decoder := &decoder{problems: &l.problems}
	before := len(l.problems)
	decoder.message(root, message.ProtoReflect(), "file")
	if len(l.problems) == before {
		l.checkRules(root, message)
	}
}

type decoder struct {
	problems *diag.Problems
}

func (d *decoder) wrong(node *Node, path, expected string) {
	d.problems.Add(node.Position, len(node.Text), "", "%s: expected %s, found %s", path, expected, node.Kind)
}

func (d *decoder) message(node *Node, message protoreflect.Message, path string) {
	if node.Kind != Map {
		d.wrong(node, path, "a map of settings")
		return
	}
	for _, field := range node.Fields {
		fields := message.Descriptor().Fields()
		descriptor := fields.ByName(protoreflect.Name(field.Key))
		if descriptor == nil {
			d.problems.Add(field.KeyAt, len(field.Key), diag.DidYouMean("keys", field.Key, fieldNames(fields)), "unknown key %q", field.Key)
			continue
		}
		if other := otherMember(message, descriptor); other != "" {
			d.problems.Add(field.KeyAt, len(field.Key), "keep one of them", "%q cannot stand beside %q", field.Key, other)
			continue
		}
		d.field(field.Value, message, descriptor, field.Key)
	}
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
		d.wrong(node, path, "a map")
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

func (d *decoder) items(node *Node, message protoreflect.Message, descriptor protoreflect.FieldDescriptor, path string) {
	if node.Kind != List {
		d.wrong(node, path, "a list")
		return
	}
	list := message.Mutable(descriptor).List()
	newElement := func(protoreflect.FieldDescriptor) protoreflect.Value { return list.NewElement() }
	for i, item := range node.Items {
		if value, ok := d.value(item, descriptor, newElement, fmt.Sprintf("%s[%d]", path, i)); ok {
			list.Append(value)
		}
	}
}

// value reads one value of a field's type.
func (d *decoder) value(node *Node, descriptor protoreflect.FieldDescriptor, create func(protoreflect.FieldDescriptor) protoreflect.Value, path string) (protoreflect.Value, bool) {
	if message := descriptor.Message(); message != nil {
		if message.FullName() == "google.protobuf.Duration" {
			return d.duration(node, path)
		}
		value := create(descriptor)
		d.message(node, value.Message(), path)
		return value, true
	}
	value, expected := scalar(node, descriptor.Kind())
	if expected != "" {
		d.wrong(node, path, expected)
	}
	return value, expected == ""
}

func (d *decoder) duration(node *Node, path string) (protoreflect.Value, bool) {
	parsed, err := time.ParseDuration(node.Text)
	if node.Kind == Int || node.Kind == Float {
		d.problems.Add(node.Position, len(node.Text), "add a unit: "+node.Text+"ms or "+node.Text+"s", "%s: duration has no unit", path)
		return protoreflect.Value{}, false
	}
	if node.Kind != String || err != nil {
		d.wrong(node, path, "a duration such as 300ms or 1.5s")
		return protoreflect.Value{}, false
	}
	return protoreflect.ValueOfMessage(durationpb.New(parsed).ProtoReflect()), true
}

// scalar reads a scalar, or says what was expected.
func scalar(node *Node, kind protoreflect.Kind) (_ protoreflect.Value, expected string) {
	switch kind {
	case protoreflect.StringKind:
		if node.Kind == Map || node.Kind == List || node.Kind == Null {
			return protoreflect.Value{}, "a text"
		}
		return protoreflect.ValueOfString(node.Text), ""
	case protoreflect.BoolKind:
		if node.Kind != Bool {
			return protoreflect.Value{}, "true or false"
		}
		return protoreflect.ValueOfBool(strings.EqualFold(node.Text, "true")), ""
	case protoreflect.Int32Kind:
		number, err := strconv.ParseInt(node.Text, 10, 32)
		if node.Kind != Int || err != nil {
			return protoreflect.Value{}, "a whole number"
		}
		return protoreflect.ValueOfInt32(int32(number)), ""
	case protoreflect.DoubleKind:
		number, err := strconv.ParseFloat(node.Text, 64)
		if node.Kind != Int && node.Kind != Float || err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
			return protoreflect.Value{}, "a number"
		}
		return protoreflect.ValueOfFloat64(number), ""
	default:
		return protoreflect.Value{}, "no value: " + kind.String() + " settings are not supported"
	}
}

// String is the kind in plain words.
func (k Kind) String() string {
	return [...]string{"nothing", "true or false", "a whole number", "a number", "a text", "a list", "a map"}[k]
}

// checkRules checks the vocabulary's protovalidate rules.
func (l *loader) checkRules(root *Node, message proto.Message) {
	err := protovalidate.Validate(message)
	violated, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return
	}
	for _, violation := range violated.Violations {
		l.reportRule(root, message.ProtoReflect().Descriptor(), violation.Proto)
	}
}

// reportRule turns a broken rule into a problem at the value, or at the key, that broke it.
func (l *loader) reportRule(root *Node, descriptor protoreflect.MessageDescriptor, violation *validate.Violation) {
	place := locate(root, descriptor, violation.GetField())
	switch {
	case strings.Contains(place.node.Text, "${"): // unset on this machine; checked where it is set
	case violation.GetForKey():
		l.problems.Add(place.key.KeyAt, len(place.key.Key),
			"use lower-case letters, digits and underscores, and begin with a letter", "name %q is not allowed", place.key.Key)
	case place.oneof != nil:
		l.problems.Add(place.key.KeyAt, len(place.key.Key), "write one of "+strings.Join(fieldNames(place.oneof.Fields()), ", "),
			"%s: nothing says which %s", strings.TrimSuffix(place.path, "."+string(place.oneof.Name())), place.oneof.Name())
	default:
		l.problems.Add(place.node.Position, len(place.node.Text), "", "%s: %s", place.path, violation.GetMessage())
	}
}

// located is where a field path leads to.
type located struct {
	path string
	// node is the value, or the last one on the way; key is the entry that holds it.
	node *Node
	key  Field
	// oneof is the oneof that the path ends in, or nil.
	oneof protoreflect.OneofDescriptor
}

// locate follows a field path such as upstreams["catalog"].base_url.
func locate(root *Node, message protoreflect.MessageDescriptor, path *validate.FieldPath) located {
	place := located{node: root, key: Field{KeyAt: root.Position}}
	for _, element := range path.GetElements() {
		name := protoreflect.Name(element.GetFieldName())
		place.step(string(name))
		if place.oneof = message.Oneofs().ByName(name); place.oneof != nil {
			break
		}
		field := message.Fields().ByName(name)
		switch subscript := element.GetSubscript().(type) {
		case *validate.FieldPathElement_StringKey:
			place.step(subscript.StringKey)
			field = field.MapValue()
		case *validate.FieldPathElement_Index:
			place.item(int(subscript.Index))
		}
		if message = field.Message(); message == nil {
			break
		}
	}
	return place
}

// step goes on to a key; one that is not there stays where it is.
func (l *located) step(name string) {
	l.path = strings.TrimPrefix(l.path+"."+name, ".")
	for _, field := range l.node.Fields {
		if field.Key == name {
			l.node, l.key = field.Value, field
			return
		}
	}
}

func (l *located) item(index int) {
	l.path += fmt.Sprintf("[%d]", index)
	if index < len(l.node.Items) {
		l.node = l.node.Items[index]
	}
}
