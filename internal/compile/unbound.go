package compile

import "google.golang.org/protobuf/reflect/protoreflect"

// checkUnbound finds fields of a message that nothing fills although a client could not tell.
func (d *draft) checkUnbound(r *rpc, message protoreflect.MessageDescriptor, fields []*field, prefix string) {
	bound := map[protoreflect.Name]bool{}
	for _, f := range fields {
		bound[f.descriptor.Name()] = true
		for i := 0; f.oneof != nil && i < f.oneof.Fields().Len(); i++ {
			bound[f.oneof.Fields().Get(i).Name()] = true
		}
		d.checkUnboundBelow(r, f)
	}
	if r.pages != nil && prefix == "" {
		bound[r.pages.nextToken.Name()] = true
	}
	for i := range message.Fields().Len() {
		f := &field{descriptor: message.Fields().Get(i)}
		f.path = prefix + string(f.descriptor.Name())
		switch {
		case bound[f.descriptor.Name()]:
		case isRequired(f.descriptor):
			d.reportKey(r.key, "say where it comes from", "field %q, which the contract requires, is not bound", f.path)
		case !f.mayBeUnset():
			d.reportKey(r.key, "say where it comes from, or make it optional in the contract",
				"field %q is not bound: a client would always read %s", f.path, zeroName(f.descriptor))
		}
	}
}

func (d *draft) checkUnboundBelow(r *rpc, f *field) {
	descriptor, prefix := f.descriptor, f.path+"."
	loops := f.kind == eachField || f.kind == joinField
	if loops {
		prefix = f.elementPath() + "."
		if descriptor.IsMap() {
			descriptor = descriptor.MapValue()
		}
	}
	switch {
	case f.kind == mapField || f.kind == concatField || f.kind == chooseField || loops && f.hasValue():
		for _, child := range f.children {
			d.checkUnboundBelow(r, child)
		}
	case f.kind == messageField || loops && descriptor.Message() != nil:
		d.checkUnbound(r, descriptor.Message(), f.children, prefix)
	}
}
