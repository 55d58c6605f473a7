package compile

import (
	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldType is the type of a contract's field in expressions.
func fieldType(descriptor protoreflect.FieldDescriptor) *cel.Type {
	switch {
	case descriptor.IsMap():
		return cel.MapType(singularType(descriptor.MapKey()), singularType(descriptor.MapValue()))
	case descriptor.IsList():
		return cel.ListType(singularType(descriptor))
	default:
		return singularType(descriptor)
	}
}

func singularType(descriptor protoreflect.FieldDescriptor) *cel.Type {
	switch descriptor.Kind() {
	case protoreflect.BoolKind:
		return cel.BoolType
	case protoreflect.StringKind:
		return cel.StringType
	case protoreflect.BytesKind:
		return cel.BytesType
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return cel.DoubleType
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageType(descriptor.Message())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return cel.UintType
	default:
		return cel.IntType // integers, and enums by number
	}
}

// messageType maps the well-known types the way CEL does.
func messageType(message protoreflect.MessageDescriptor) *cel.Type {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return cel.TimestampType
	case "google.protobuf.Duration":
		return cel.DurationType
	case "google.protobuf.Struct":
		return cel.MapType(cel.StringType, cel.DynType)
	case "google.protobuf.ListValue":
		return cel.ListType(cel.DynType)
	case "google.protobuf.Value":
		return cel.DynType
	}
	if message.ParentFile().Path() == "google/protobuf/wrappers.proto" {
		return singularType(message.Fields().ByName("value"))
	}
	return cel.ObjectType(string(message.FullName()))
}
