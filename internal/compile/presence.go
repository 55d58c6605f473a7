package compile

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// presence is what is known at a place in a response: what may be absent, and what cannot be, since the place would not
// exist without it.
type presence struct {
	rpc *rpc
	// nullable says which calls may give no answer although the RPC goes on.
	nullable []bool
	// entries are the loops around over the entries of calls with each, the innermost last.
	entries []*loop
	gates   []gap
}

// gap is something that may be absent: the answer of a call, or a part of an entry, such as p.error.
type gap struct {
	call int
	part string // "" for all of the answer
}

// checkPresence finds every field that may get no value although a client could not tell: "0" from "we do not know".
func checkPresence(d *draft) error {
	for _, rpc := range d.rpcs {
		place := presence{rpc: rpc, nullable: rpc.nullable()}
		checkNeedsOfCalls(d, rpc)
		for _, call := range rpc.calls {
			if call.callee != nil {
				d.checkFields(place, call.callee.fields)
			}
		}
		d.checkFields(place, rpc.fields)
		d.checkNextPage(place)
		d.checkUnbound(rpc, rpc.method.Output(), rpc.fields, "")
	}
	return nil
}

// checkNextPage refuses an optional call that says where the next page begins: when it fails, the list would seem to end.
func (d *draft) checkNextPage(place presence) {
	if place.rpc.pages == nil || place.rpc.pages.next == nil {
		return
	}
	next := place.rpc.pages.next
	for _, one := range place.gaps(next) {
		if call := place.rpc.calls[one.call]; call.message.GetOptional() {
			d.reportOperand(next, fmt.Sprintf("make call %q required", call.key.Key),
				"optional call %q says where the next page begins: without it, the list would seem to end", call.key.Key)
			return
		}
	}
}

// gaps are what an operand reads that may be absent at a place.
func (p presence) gaps(o *operand) []gap {
	var found []gap
	for _, call := range o.calls {
		if p.nullable[call] {
			found = append(found, gap{call: call})
		}
	}
	for _, l := range p.entries {
		for _, selection := range o.selections() {
			if part, ok := p.partOf(l, selection); ok {
				found = append(found, part)
			}
		}
	}
	return slices.DeleteFunc(found, func(one gap) bool { return slices.Contains(p.gates, one) })
}

// partOf is the part of an entry that a selection reads, if that may be absent: there is an error where there is no value.
func (p presence) partOf(l *loop, selection string) (gap, bool) {
	rest, reads := strings.CutPrefix(selection, l.name+".")
	if !reads || len(l.calls) == 0 {
		return gap{}, false
	}
	call := l.calls[0]
	name, _, _ := strings.Cut(rest, ".")
	name, _, _ = strings.Cut(name, "[")
	if name == "error" || name == "value" && p.nullable[call] {
		return gap{call, l.name + "." + name}, true
	}
	return gap{}, false
}

// with is the place with more gates.
func (p presence) with(gates []gap) presence {
	p.gates = append(slices.Clone(p.gates), gates...)
	return p
}

// inside is the place in elements of a loop: they do not exist without the list, nor against the loop's condition.
func (p presence) inside(l *loop) presence {
	p = p.with(p.gaps(l.list))
	if l.entry != nil {
		p.entries = append(slices.Clone(p.entries), l)
	}
	return p.where(l.where)
}

// where is the place behind a condition: what the condition looks for with has() is there.
func (p presence) where(condition *operand) presence {
	if condition == nil {
		return p
	}
	computed, ok := condition.Operand.(*projection.Computed)
	if !ok {
		return p
	}
	var proven []gap
	for _, selection := range computed.Program.Proves {
		root, _, _ := strings.Cut(selection, ".")
		if call := p.rpc.callNamed(root); call != nil {
			proven = append(proven, gap{call: call.index})
		}
		for _, l := range p.entries {
			if part, ok := p.partOf(l, selection); ok {
				proven = append(proven, part)
			}
		}
	}
	return p.with(proven)
}

// below is the place in a nested message: without what everything in it that reads an answer reads, it is unset.
func (p presence) below(fields []*field) presence {
	var shared []gap
	first := true
	visitSources(fields, func(source *operand) {
		read := p.gaps(source)
		if !first {
			read = slices.DeleteFunc(read, func(one gap) bool { return !slices.Contains(shared, one) })
		}
		shared, first = read, false
	})
	return p.with(shared)
}

// visitSources calls f for what the values of fields are taken from, if that is answers; of a loop, that is its list.
func visitSources(fields []*field, f func(*operand)) {
	for _, field := range fields {
		switch {
		case field.loop != nil:
			f(field.loop.list)
		case field.from != nil && field.kind != chooseField:
			if !field.from.constant() {
				f(field.from)
			}
		default:
			visitSources(field.children, f)
		}
	}
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

// checkFields checks the leaves at a place.
func (d *draft) checkFields(place presence, fields []*field) {
	for _, f := range fields {
		at := place.where(f.when)
		switch f.kind {
		case messageField:
			d.checkFields(at.below(f.children), f.children)
		case eachField, joinField:
			inside := at.inside(f.loop)
			if f.kind == joinField && !f.descriptor.IsList() { // unset with what is in the one element
				inside = inside.below(f.children)
			}
			d.checkFields(inside, f.children)
			if f.mapKey != nil {
				d.checkLeaf(inside, f.mapKey)
			}
			d.checkConditional(f)
		case concatField, chooseField, mapField:
			d.checkFields(at, f.children)
		default:
			d.checkLeaf(at, f)
		}
	}
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

func (d *draft) checkLeaf(place presence, f *field) {
	d.checkConditional(f)
	required := isRequired(f.descriptor) && !f.element
	if f.fallback != nil || f.mayBeUnset() && !required || f.mapKey != nil {
		return
	}
	gaps := place.gaps(f.from)
	certain := func(o *operand) bool { return len(place.gaps(o)) == 0 }
	if len(gaps) == 0 || slices.ContainsFunc(f.from.firstOf, certain) {
		return
	}
	what := place.rpc.describe(gaps[0])
	if required {
		hint := fmt.Sprintf("make call %q required, or drop the rule from the contract", place.rpc.calls[gaps[0].call].key.Key)
		d.reportOperand(f.from, hint, "%s feeds field %q, which the contract requires", what, f.path)
		return
	}
	hint := fmt.Sprintf("write \"optional %s %s\" in the contract, or {$from: %s, $default: ...}", typeName(f.descriptor), f.descriptor.Name(), f.from)
	if gaps[0].part != "" {
		hint += fmt.Sprintf(", or $if: has(%s) on the message around it", gaps[0].part)
	}
	d.reportOperand(f.from, hint, "%s feeds field %q, which cannot be unset: a client could not tell \"no value\" from %s", what, f.path, zeroName(f.descriptor))
}

func (r *rpc) describe(one gap) string {
	call := r.calls[one.call]
	switch {
	case one.part != "":
		return fmt.Sprintf("%s, which an entry of call %q may lack,", one.part, call.key.Key)
	case call.message.GetOptional():
		return fmt.Sprintf("optional call %q", call.key.Key)
	default:
		return fmt.Sprintf("call that may be absent, %q", call.key.Key)
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
