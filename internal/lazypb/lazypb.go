// Package lazypb is for messages that stay in the bytes they came in: single fields are read from those, and a message of maps and
// boxes is built once somebody asks for more.
package lazypb

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoiface"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Message is a message of a type that is known by its descriptor. The zero Message is of no type. Reading is safe for concurrent use;
// changing a message is not, and builds it.
type Message struct {
	descriptor protoreflect.MessageDescriptor
	types      *dynamicpb.Types
	// wire are the bytes; nil if the message has none, or has been changed.
	wire []byte

	build sync.Once
	built *dynamicpb.Message
}

var (
	_ protoreflect.Message = (*Message)(nil)
	_ proto.Message        = (*Message)(nil)
)

// Init makes a zero Message an empty one of a type. The types know its extensions; nil for none.
func (m *Message) Init(descriptor protoreflect.MessageDescriptor, types *dynamicpb.Types) {
	m.descriptor, m.types = descriptor, types
}

// Keep fills an empty message with bytes that nobody changes any more, and that are known to be readable, and plain as package bounds has it.
func (m *Message) Keep(wire []byte) { m.wire = wire }

// Built is the message with all of it read.
func (m *Message) Built() *dynamicpb.Message {
	m.build.Do(func() {
		built := dynamicpb.NewMessage(m.descriptor)
		if err := m.options().Unmarshal(m.wire, built); err != nil {
			panic(fmt.Sprintf("lazypb: kept bytes of %s cannot be read: %v", m.descriptor.FullName(), err))
		}
		m.built = built
	})
	return m.built
}

func (m *Message) options() proto.UnmarshalOptions {
	if m.types == nil {
		return proto.UnmarshalOptions{}
	}
	return proto.UnmarshalOptions{Resolver: m.types}
}

// changing is the message for somebody who changes it: its bytes tell nothing of it any more.
func (m *Message) changing() *dynamicpb.Message {
	built := m.Built()
	m.wire = nil
	return built
}

// ProtoReflect implements proto.Message.
func (m *Message) ProtoReflect() protoreflect.Message { return m }

// Descriptor implements protoreflect.Message.
func (m *Message) Descriptor() protoreflect.MessageDescriptor { return m.descriptor }

// Type implements protoreflect.Message.
func (m *Message) Type() protoreflect.MessageType { return dynamicpb.NewMessageType(m.descriptor) }

// New implements protoreflect.Message.
func (m *Message) New() protoreflect.Message { return m.Type().New() }

// Interface implements protoreflect.Message: it is the message with all of it read, which every library knows.
func (m *Message) Interface() protoreflect.ProtoMessage { return m.Built() }

// Range implements protoreflect.Message.
func (m *Message) Range(f func(protoreflect.FieldDescriptor, protoreflect.Value) bool) {
	m.Built().Range(f)
}

// Has implements protoreflect.Message.
func (m *Message) Has(field protoreflect.FieldDescriptor) bool {
	if m.isInWire(field) {
		found := m.find(field)
		return found.has(field)
	}
	return m.Built().Has(field)
}

// Get implements protoreflect.Message.
func (m *Message) Get(field protoreflect.FieldDescriptor) protoreflect.Value {
	if m.isInWire(field) {
		found := m.find(field)
		if field.Message() == nil {
			return found.value(field)
		}
		if found.times == 1 {
			return protoreflect.ValueOfMessage(&Message{descriptor: field.Message(), types: m.types, wire: found.content})
		}
	}
	return m.Built().Get(field)
}

// Text is the content of a text, which is only to be read, without copying it; false if the field is none, or the message is not in bytes.
func (m *Message) Text(field protoreflect.FieldDescriptor) (text []byte, ok bool) {
	if field.Kind() != protoreflect.StringKind || !m.isInWire(field) {
		return nil, false
	}
	found := m.find(field)
	return found.content, found.times > 0
}

// Clear implements protoreflect.Message.
func (m *Message) Clear(field protoreflect.FieldDescriptor) { m.changing().Clear(field) }

// Set implements protoreflect.Message.
func (m *Message) Set(field protoreflect.FieldDescriptor, value protoreflect.Value) {
	m.changing().Set(field, value)
}

// Mutable implements protoreflect.Message.
func (m *Message) Mutable(field protoreflect.FieldDescriptor) protoreflect.Value {
	return m.changing().Mutable(field)
}

// NewField implements protoreflect.Message.
func (m *Message) NewField(field protoreflect.FieldDescriptor) protoreflect.Value {
	return m.Built().NewField(field)
}

// WhichOneof implements protoreflect.Message.
func (m *Message) WhichOneof(oneof protoreflect.OneofDescriptor) protoreflect.FieldDescriptor {
	return m.Built().WhichOneof(oneof)
}

// GetUnknown implements protoreflect.Message.
func (m *Message) GetUnknown() protoreflect.RawFields { return m.Built().GetUnknown() }

// SetUnknown implements protoreflect.Message.
func (m *Message) SetUnknown(fields protoreflect.RawFields) { m.changing().SetUnknown(fields) }

// IsValid implements protoreflect.Message.
func (m *Message) IsValid() bool { return m != nil && m.descriptor != nil }

// ProtoMethods implements protoreflect.Message.
func (m *Message) ProtoMethods() *protoiface.Methods { return nil }
