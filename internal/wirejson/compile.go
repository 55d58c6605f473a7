package wirejson

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// message compiles a type, and all that are in it.
func (t *Types) message(of protoreflect.MessageDescriptor) *message {
	t.mu.RLock()
	known := t.known[of.FullName()]
	t.mu.RUnlock()
	if known != nil {
		return known
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.compile(of)
}

// compile needs the lock, so that nobody sees a type that is not whole.
func (t *Types) compile(of protoreflect.MessageDescriptor) *message {
	name := of.FullName()
	if known := t.known[name]; known != nil {
		return known
	}
	m := &message{write: writeObject, extensions: of.ExtensionRanges()}
	t.known[name] = m // before its fields, which may be of its own type
	if special := special(name); special != nil {
		m.write, m.isSpecial = special, true
	}
	marks := marks{oneofs: map[protoreflect.FullName]uint64{}}
	for i := range of.Fields().Len() {
		descriptor := of.Fields().Get(i)
		f := t.compileField(descriptor)
		f.mark = marks.of(descriptor)
		if descriptor.Cardinality() == protoreflect.Required {
			m.required |= f.mark
		}
		m.add(f)
	}
	if marks.areShort || isMessageSet(of) {
		m.write, m.isSpecial = leave, true
	}
	return m
}

func (m *message) add(f *field) {
	if f.number >= maxLow {
		if m.high == nil {
			m.high = map[protowire.Number]*field{}
		}
		m.high[f.number] = f
		return
	}
	for int(f.number) >= len(m.low) {
		m.low = append(m.low, nil)
	}
	m.low[f.number] = f
}

func (t *Types) compileField(of protoreflect.FieldDescriptor) *field {
	f := &field{
		number: of.Number(), index: int32(of.Index()), name: append(quoted(of.JSONName()), ':'), kind: of.Kind(), wire: wireTypes[of.Kind()],
		isImplicit: !of.HasPresence() && of.Cardinality() != protoreflect.Repeated, isList: of.IsList(),
	}
	f.isPackable = f.isList && f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
	switch {
	case of.IsMap():
		f.key, f.value = t.compileField(of.MapKey()), t.compileField(of.MapValue())
	case of.Message() != nil:
		f.message = t.compile(of.Message())
	case of.Enum() != nil && of.Enum().FullName() != "google.protobuf.NullValue":
		f.names = t.compileEnum(of.Enum())
		f.initial = uint64(int64(of.Enum().Values().Get(0).Number()))
	}
	return f
}

func (t *Types) compileEnum(of protoreflect.EnumDescriptor) names {
	if known := t.enums[of.FullName()]; known != nil {
		return known
	}
	n := names{}
	t.enums[of.FullName()] = n
	for i := range of.Values().Len() {
		value := of.Values().Get(i)
		if _, isAlias := n[value.Number()]; !isAlias {
			n[value.Number()] = string(quoted(string(value.Name())))
		}
	}
	return n
}

// marks gives each oneof and each required field a bit.
type marks struct {
	next     int
	oneofs   map[protoreflect.FullName]uint64
	areShort bool
}

func (m *marks) of(field protoreflect.FieldDescriptor) uint64 {
	if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		if m.oneofs[oneof.FullName()] == 0 {
			m.oneofs[oneof.FullName()] = m.take()
		}
		return m.oneofs[oneof.FullName()]
	}
	if field.Cardinality() == protoreflect.Required {
		return m.take()
	}
	return 0
}

func (m *marks) take() uint64 {
	const most = 64
	m.areShort = m.areShort || m.next == most
	m.next++
	return 1 << (m.next - 1)
}

// isMessageSet reports whether a message is of a form that protobuf had before extensions.
func isMessageSet(of protoreflect.MessageDescriptor) bool {
	options, ok := of.Options().(*descriptorpb.MessageOptions)
	return ok && options.GetMessageSetWireFormat()
}

var wireTypes = map[protoreflect.Kind]protowire.Type{
	protoreflect.BoolKind:     protowire.VarintType,
	protoreflect.EnumKind:     protowire.VarintType,
	protoreflect.Int32Kind:    protowire.VarintType,
	protoreflect.Sint32Kind:   protowire.VarintType,
	protoreflect.Uint32Kind:   protowire.VarintType,
	protoreflect.Int64Kind:    protowire.VarintType,
	protoreflect.Sint64Kind:   protowire.VarintType,
	protoreflect.Uint64Kind:   protowire.VarintType,
	protoreflect.Sfixed32Kind: protowire.Fixed32Type,
	protoreflect.Fixed32Kind:  protowire.Fixed32Type,
	protoreflect.FloatKind:    protowire.Fixed32Type,
	protoreflect.Sfixed64Kind: protowire.Fixed64Type,
	protoreflect.Fixed64Kind:  protowire.Fixed64Type,
	protoreflect.DoubleKind:   protowire.Fixed64Type,
	protoreflect.StringKind:   protowire.BytesType,
	protoreflect.BytesKind:    protowire.BytesType,
	protoreflect.MessageKind:  protowire.BytesType,
	protoreflect.GroupKind:    protowire.StartGroupType,
}
