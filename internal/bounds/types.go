package bounds

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Types are the messages of a contract, as far as counting needs to know them. They are safe for concurrent use where
// each message that is asked for has been asked for before.
type Types struct {
	known map[protoreflect.FullName]*Message
	// extensions are by the messages that they extend.
	extensions map[protoreflect.FullName][]protoreflect.FieldDescriptor
}

// Message is a type of messages.
type Message struct {
	form    form
	numbers map[protowire.Number]*field
	// names are those that fields have in JSON: each has two.
	names map[string]*field
	// requires is set if it has required fields, or is written in another way than messages are.
	requires bool
}

// form is what a message looks like in JSON.
type form int

const (
	anObject form = iota
	// anyValue is google.protobuf.Value; freeObject and freeList are Struct and ListValue, which are made of such.
	anyValue
	freeObject
	freeList
	// aMask is google.protobuf.FieldMask: a text with commas.
	aMask
	// typed is google.protobuf.Any: an object that names its type, perhaps in the end.
	typed
)

var forms = map[protoreflect.FullName]form{
	"google.protobuf.Value":     anyValue,
	"google.protobuf.Struct":    freeObject,
	"google.protobuf.ListValue": freeList,
	"google.protobuf.FieldMask": aMask,
	"google.protobuf.Any":       typed,
}

// field is a field of a message.
type field struct {
	isList, isMap bool
	// message is what it, its elements or its entries' values are; nil for anything else.
	message *Message
	isGroup bool
	// isText is set if values have to be valid UTF-8, perhaps.
	isText bool
	// isExtension is set if it is none of the message's own.
	isExtension bool
	// kind is that of a value, and width its bytes in a packed list; 0 for a varint.
	kind  protowire.Type
	width int
}

// NewTypes knows the extensions in some files.
func NewTypes(files *protoregistry.Files) *Types {
	t := &Types{known: map[protoreflect.FullName]*Message{}, extensions: map[protoreflect.FullName][]protoreflect.FieldDescriptor{}}
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		t.addExtensions(file)
		return true
	})
	return t
}

func (t *Types) addExtensions(in interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}) {
	for i := range in.Extensions().Len() {
		extension := in.Extensions().Get(i)
		extended := extension.ContainingMessage().FullName()
		t.extensions[extended] = append(t.extensions[extended], extension)
	}
	for i := range in.Messages().Len() {
		t.addExtensions(in.Messages().Get(i))
	}
}

// Message is the type that a descriptor describes.
func (t *Types) Message(of protoreflect.MessageDescriptor) *Message {
	name := of.FullName()
	if known := t.known[name]; known != nil {
		return known
	}
	m := &Message{form: forms[name], numbers: map[protowire.Number]*field{}, names: map[string]*field{}}
	t.known[name] = m // before its fields, which may be of its own type
	for i := range of.Fields().Len() {
		descriptor := of.Fields().Get(i)
		f := t.field(descriptor)
		m.requires = m.requires || descriptor.Cardinality() == protoreflect.Required
		m.numbers[descriptor.Number()] = f
		m.names[descriptor.JSONName()], m.names[descriptor.TextName()] = f, f
	}
	for _, extension := range t.extensions[name] {
		f := t.field(extension)
		m.numbers[extension.Number()] = f
		m.names["["+string(extension.FullName())+"]"] = f
	}
	return m
}

func (t *Types) field(of protoreflect.FieldDescriptor) *field {
	f := &field{
		isList: of.IsList(), isMap: of.IsMap(), isGroup: of.Kind() == protoreflect.GroupKind, isText: of.Kind() == protoreflect.StringKind,
		isExtension: of.IsExtension(),
	}
	value := of
	if f.isMap {
		value = of.MapValue()
	}
	if value.Message() != nil {
		f.message = t.Message(value.Message())
	}
	f.kind, f.width = wireOf(of.Kind())
	return f
}

// wireOf is how values of a kind are written, and their width if that is fixed.
func wireOf(kind protoreflect.Kind) (wire protowire.Type, width int) {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type, 4
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type, 8
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType, 0
	case protoreflect.GroupKind:
		return protowire.StartGroupType, 0
	default:
		return protowire.VarintType, 0
	}
}
