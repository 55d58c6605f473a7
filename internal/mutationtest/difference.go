package mutationtest

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// differences are the leaves that differ between two messages of one type. Lists of unequal length are one leaf.
func differences(path string, want, got protoreflect.Message) []Change {
	var found []Change
	fields := want.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := path + "." + string(field.Name())
		before, after := want.Get(field), got.Get(field)
		switch {
		case want.Has(field) == got.Has(field) && before.Equal(after):
		case field.Message() != nil && !field.IsList() && !field.IsMap() && want.Has(field) && got.Has(field):
			found = append(found, differences(name, before.Message(), after.Message())...)
		case field.IsList() && field.Message() != nil && before.List().Len() == after.List().Len():
			for j := range before.List().Len() {
				found = append(found, differences(fmt.Sprintf("%s[%d]", name, j), before.List().Get(j).Message(), after.List().Get(j).Message())...)
			}
		default:
			found = append(found, Change{Field: name, Text: after.String(), IsSet: got.Has(field), Descriptor: field})
		}
	}
	return found
}

// isPlausible reports whether a field of any API may differ like this without a report: it is gone where a client can tell,
// or it holds a value that the upstream might just as well have meant.
func (c Change) isPlausible() bool {
	field := c.Descriptor
	if !c.IsSet {
		return field.HasPresence() || field.IsList() || field.IsMap() || field.Kind() == protoreflect.EnumKind
	}
	if isFreeForm(field) {
		return true
	}
	switch c.Mutation {
	case "text", "long": // another text is a text; of an enum, $else is any other
		return isTextual(field) || field.Kind() == protoreflect.EnumKind
	case "big": // a whole number in a text field is an identifier
		return field.Kind() == protoreflect.StringKind || field.IsMap() || field.Kind() == protoreflect.EnumKind
	case "bool":
		return field.Kind() == protoreflect.BoolKind || field.Kind() == protoreflect.EnumKind
	case "number":
		return field.Kind() == protoreflect.DoubleKind || field.Kind() == protoreflect.FloatKind || field.Kind() == protoreflect.EnumKind
	case "removed": // a list is shorter, a map smaller
		return field.IsList() || field.IsMap() || field.Kind() == protoreflect.EnumKind
	default:
		return field.Kind() == protoreflect.EnumKind || c.IsGone() && field.IsMap()
	}
}

func isTextual(field protoreflect.FieldDescriptor) bool {
	return field.Kind() == protoreflect.StringKind || field.Kind() == protoreflect.BytesKind || field.IsMap()
}

// isFreeForm reports whether a field is, or is in, a google.protobuf.Value, Struct or ListValue.
func isFreeForm(field protoreflect.FieldDescriptor) bool {
	const freeForm = "google/protobuf/struct.proto"
	return field.Parent().ParentFile().Path() == freeForm || field.Message() != nil && field.Message().ParentFile().Path() == freeForm
}
