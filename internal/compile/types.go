package compile

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkTypes finds every value whose type can never fill its place. What an answer holds is known only when it is there.
func checkTypes(d *draft) error {
	for _, rpc := range d.rpcs {
		checkFieldTypes(d, rpc.fields)
		for _, call := range rpc.calls {
			for _, hole := range call.holes {
				d.checkName(hole)
			}
			for _, parameter := range append(call.query, call.headers...) {
				d.checkSendable(parameter.from)
			}
			if call.callee != nil {
				checkFieldTypes(d, call.callee.fields)
			}
		}
	}
	return nil
}

func checkFieldTypes(d *draft, fields []*field) {
	for _, f := range fields {
		if f.from != nil {
			d.checkField(f)
		}
		if f.mapKey != nil && f.mapKey.from != nil && f.mapKey.from.at.Position.Line > 0 {
			d.checkField(f.mapKey)
		}
		checkFieldTypes(d, f.children)
	}
}

func (d *draft) checkField(f *field) {
	typ := f.from.typ
	if typ.Kind() == types.DynKind {
		return
	}
	var fits bool
	switch f.kind {
	case eachField, joinField, listField:
		fits = typ.Kind() == types.ListKind && (f.loop != nil || fitsSingle(typ.Parameters()[0], f.descriptor))
	case chooseField:
		fits = isScalar(typ.Kind())
	case entriesField:
		fits = typ.Kind() == types.MapKind
	case copiedMessage:
		fits = true
	default:
		fits = fitsSingle(typ, f.descriptor)
	}
	if !fits {
		d.reportOperand(f.from, "convert it, for example with string(), int() or double(), or change the contract",
			"field %q is of type %s, but %s is of type %s", f.path, typeName(f.descriptor), f.from, celName(typ))
	}
}

// fitsSingle reports whether some value of a type can fill a field, or an element of it, without loss.
func fitsSingle(typ *cel.Type, descriptor protoreflect.FieldDescriptor) bool {
	kind := typ.Kind()
	if kind == types.DynKind || kind == types.NullTypeKind || kind == types.OpaqueKind {
		return true
	}
	if message := descriptor.Message(); message != nil {
		return fitsMessage(kind, message)
	}
	return fitsScalar(kind, descriptor.Kind())
}

func fitsScalar(kind types.Kind, target protoreflect.Kind) bool {
	switch target {
	case protoreflect.BoolKind:
		return kind == types.BoolKind
	case protoreflect.StringKind:
		return kind != types.BoolKind && kind != types.DoubleKind && isScalar(kind)
	case protoreflect.BytesKind:
		return kind == types.BytesKind || kind == types.StringKind
	case protoreflect.EnumKind:
		return kind == types.StringKind || kind == types.IntKind || kind == types.UintKind || kind == types.BoolKind
	default:
		return kind == types.StringKind || kind == types.IntKind || kind == types.UintKind || kind == types.DoubleKind
	}
}

func isScalar(kind types.Kind) bool {
	return kind != types.ListKind && kind != types.MapKind && kind != types.StructKind
}

func fitsMessage(kind types.Kind, message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return kind == types.TimestampKind || kind == types.StringKind
	case "google.protobuf.Duration":
		return kind == types.DurationKind || kind == types.StringKind
	case "google.protobuf.Struct":
		return kind == types.MapKind
	case "google.protobuf.ListValue":
		return kind == types.ListKind
	case "google.protobuf.Value":
		return kind != types.StructKind
	}
	if message.ParentFile().Path() == "google/protobuf/wrappers.proto" {
		return fitsScalar(kind, message.Fields().ByName("value").Kind())
	}
	return true
}

// checkName refuses what can never be a text or a whole number.
func (d *draft) checkName(o *operand) {
	if kind := o.typ.Kind(); kind == types.BoolKind || kind == types.DoubleKind {
		d.reportOperand(o, "write string("+o.String()+")", "%s is a %s, and a path takes text and whole numbers", o, celName(o.typ))
		return
	}
	d.checkSingle(o, "a path")
}

// checkSingle refuses a list or an object where one text is needed.
func (d *draft) checkSingle(o *operand, place string) {
	if !isScalar(o.typ.Kind()) || o.typ.Kind() == types.BytesKind {
		d.reportOperand(o, "name a single text, number or boolean", "%s is a %s, which cannot stand in %s", o, celName(o.typ), place)
	}
}

// checkSendable refuses what cannot be a query parameter or a header.
func (d *draft) checkSendable(o *operand) {
	if o.typ.Kind() == types.ListKind {
		element := *o
		element.typ = o.typ.Parameters()[0]
		o = &element
	}
	d.checkSingle(o, "a query or a header")
}

// celName is a type's name in the words of a contract.
func celName(typ *cel.Type) string {
	switch typ.Kind() {
	case types.StructKind:
		return typ.TypeName()
	case types.ListKind:
		return "list"
	case types.MapKind:
		return "map"
	case types.TimestampKind:
		return "timestamp"
	case types.DurationKind:
		return "duration"
	default:
		return strings.TrimPrefix(typ.TypeName(), "google.protobuf.")
	}
}

// typeName is a field's type as a contract writes it.
func typeName(descriptor protoreflect.FieldDescriptor) string {
	switch {
	case descriptor.IsMap():
		return "map<" + singleName(descriptor.MapKey()) + ", " + singleName(descriptor.MapValue()) + ">"
	case descriptor.IsList():
		return "repeated " + singleName(descriptor)
	default:
		return singleName(descriptor)
	}
}

func singleName(descriptor protoreflect.FieldDescriptor) string {
	switch {
	case descriptor.Message() != nil:
		return string(descriptor.Message().FullName())
	case descriptor.Enum() != nil:
		return string(descriptor.Enum().FullName())
	default:
		return descriptor.Kind().String()
	}
}
