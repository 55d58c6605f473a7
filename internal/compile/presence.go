package compile

import (
	"fmt"
	"slices"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkPresence finds every field that may get no value although a client could not tell: "0" from "we do not know".
func checkPresence(d *draft) error {
	for _, rpc := range d.rpcs {
		nullable := rpc.nullable()
		checkNeedsOfCalls(d, rpc)
		for _, call := range rpc.calls {
			if call.callee != nil {
				d.checkFields(rpc, call.callee.fields, nullable, nil)
			}
		}
		d.checkFields(rpc, rpc.fields, nullable, nil)
		d.checkUnbound(rpc, rpc.method.Output(), rpc.fields, "")
	}
	return nil
}

// nullable says which calls may give no answer although the RPC goes on.
func (r *rpc) nullable() []bool {
	nullable := make([]bool, len(r.calls))
	for range r.calls { // as often as the longest chain
		for i, call := range r.calls {
			inherits := slices.ContainsFunc(call.holes, func(hole *operand) bool { return r.anyAbsent(hole.calls, nullable) })
			nullable[i] = call.message.GetOptional() || len(call.message.GetAbsentOn()) > 0 || call.when != nil || inherits
		}
	}
	return nullable
}

// anyAbsent reports whether a call that is not optional may give no answer. Without an optional one, only an optional
// call may go on; checkNeedsOfCalls sees to that.
func (r *rpc) anyAbsent(calls []int, nullable []bool) bool {
	return slices.ContainsFunc(calls, func(call int) bool { return nullable[call] && !r.calls[call].message.GetOptional() })
}

// checkNeedsOfCalls refuses a required call that cannot be made without an optional one.
func checkNeedsOfCalls(d *draft, r *rpc) {
	for _, call := range r.calls {
		if call.message.GetOptional() {
			continue
		}
		for _, hole := range call.holes {
			for _, need := range hole.calls {
				if other := r.calls[need]; other.message.GetOptional() {
					d.reportOperand(hole, fmt.Sprintf("make call %q optional too, or call %q required", call.key.Key, other.key.Key),
						"required call %q cannot be made without optional call %q", call.key.Key, other.key.Key)
				}
			}
		}
	}
}

// checkFields checks leaves. gates are the calls without whose answers an enclosing message or element does not exist.
func (d *draft) checkFields(r *rpc, fields []*field, nullable []bool, gates []int) {
	for _, f := range fields {
		switch f.kind {
		case messageField:
			inner := append(slices.Clone(gates), sharedCalls(f.children, nullable)...)
			d.checkFields(r, f.children, nullable, inner)
		case eachField, joinField:
			inner := append(slices.Clone(gates), f.loop.calls...)
			d.checkFields(r, f.children, nullable, inner)
			if f.mapKey != nil {
				d.checkLeaf(r, f.mapKey, nullable, inner)
			}
			d.checkConditional(f)
		case concatField, chooseField:
			d.checkFields(r, f.children, nullable, gates)
		case mapField:
			d.checkFields(r, f.children, nullable, gates)
		default:
			d.checkLeaf(r, f, nullable, gates)
		}
	}
}

// sharedCalls are the nullable calls that every leaf which reads an answer reads: without them the message is unset.
func sharedCalls(fields []*field, nullable []bool) []int {
	var shared []int
	first := true
	leaves(fields, func(leaf *field) {
		if leaf.from.constant() {
			return
		}
		var calls []int
		for _, call := range leaf.from.calls {
			if nullable[call] && (first || slices.Contains(shared, call)) {
				calls = append(calls, call)
			}
		}
		shared, first = calls, false
	})
	return shared
}

// checkConditional refuses a condition on a field, or a join for one, that cannot be unset.
func (d *draft) checkConditional(f *field) {
	fallback := f.fallback
	if f.kind == joinField && f.hasValue() {
		fallback = f.children[0].fallback
	}
	conditional := f.when != nil || f.kind == joinField && !f.descriptor.IsList()
	if !conditional || fallback != nil || f.element || f.mayBeUnset() && !isRequired(f.descriptor) {
		return
	}
	what := "a condition"
	at := f.when
	if at == nil {
		what, at = "a join", f.from
	}
	d.reportOperand(at, fmt.Sprintf("write \"optional %s %s\" in the contract, or add $default", typeName(f.descriptor), f.descriptor.Name()),
		"field %q cannot be unset, so it cannot depend on %s", f.path, what)
}

func (d *draft) checkLeaf(r *rpc, f *field, nullable []bool, gates []int) {
	d.checkConditional(f)
	required := isRequired(f.descriptor) && !f.element
	if f.fallback != nil || f.mayBeUnset() && !required || f.mapKey != nil {
		return
	}
	certain := func(o *operand) bool {
		return !slices.ContainsFunc(o.calls, func(call int) bool { return nullable[call] && !slices.Contains(gates, call) })
	}
	if slices.ContainsFunc(f.from.firstOf, certain) {
		return
	}
	for _, index := range f.from.calls {
		if !nullable[index] || slices.Contains(gates, index) {
			continue
		}
		call := r.calls[index]
		what := "optional call"
		if !call.message.GetOptional() {
			what = "call that may be absent,"
		}
		if required {
			d.reportOperand(f.from, fmt.Sprintf("make call %q required, or drop the rule from the contract", call.key.Key),
				"%s %q feeds field %q, which the contract requires", what, call.key.Key, f.path)
			return
		}
		d.reportOperand(f.from, fmt.Sprintf("write \"optional %s %s\" in the contract, or {$from: %s, $default: ...}",
			typeName(f.descriptor), f.descriptor.Name(), f.from),
			"%s %q feeds field %q, which cannot be unset: a client could not tell \"no value\" from %s", what, call.key.Key, f.path, zeroName(f.descriptor))
		return
	}
}

func zeroName(descriptor protoreflect.FieldDescriptor) string {
	switch descriptor.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "an empty text"
	case protoreflect.BoolKind:
		return "false"
	default:
		return "0"
	}
}

// isRequired reports whether the contract demands a value: (buf.validate.field).required, or proto2's required.
func isRequired(descriptor protoreflect.FieldDescriptor) bool {
	if descriptor.Cardinality() == protoreflect.Required {
		return true
	}
	if element, ok := descriptor.(elementField); ok {
		descriptor = element.FieldDescriptor
	}
	rules, err := protovalidate.ResolveFieldRules(descriptor)
	return err == nil && rules.GetRequired()
}

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
