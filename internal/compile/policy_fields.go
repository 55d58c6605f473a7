package compile

import (
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// fieldRules compiles the rules about fields of responses.
func (p *policyParser) fieldRules(node *source.Node) []*plan.FieldRule {
	if node == nil {
		return nil
	}
	answered := p.answered(p.reached()...)
	var rules []*plan.FieldRule
	for _, entry := range node.Fields {
		rule := &plan.FieldRule{Name: entry.Key, Fields: map[string][]plan.Hidden{}, At: entry.KeyAt}
		for _, field := range entry.Value.Get("fields").Items {
			if found := p.hidden(field, answered); found != nil {
				message := string(found.ContainingMessage().FullName())
				rule.Fields[message] = append(rule.Fields[message], plan.Hidden{Name: string(found.Name()), Number: int32(found.Number())})
			}
		}
		rule.Allow = p.withoutRequest(entry.Value.Get("allow"), aCondition)
		rules = append(rules, rule)
	}
	return rules
}

// hidden is the field that is written as MESSAGE.FIELD, or nil with a problem.
func (p *policyParser) hidden(at *source.Node, answered map[string]protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	dot := strings.LastIndexByte(at.Text, '.')
	if dot < 0 {
		p.report(at, "write MESSAGE.FIELD with the message's full name, such as shop.v1.Product.cost", "%q is no field of a message", at.Text)
		return nil
	}
	name, field := at.Text[:dot], at.Text[dot+1:]
	message := answered[name]
	if message == nil {
		p.problems.Add(at.Position, len(name), diag.DidYouMean("messages", name, sortedKeys(answered)), "no response has a message %q", name)
		return nil
	}
	descriptor := message.Fields().ByName(protoreflect.Name(field))
	if descriptor == nil {
		p.problems.Add(at.At(dot+1), len(field), diag.DidYouMean("fields", field, names(message.Fields())), "unknown field %q in %s", field, name)
		return nil
	}
	if !p.checkHideable(at, descriptor) {
		return nil
	}
	return descriptor
}

// checkHideable refuses to hide a field whose clients could not tell, or rely on it.
func (p *policyParser) checkHideable(at *source.Node, descriptor protoreflect.FieldDescriptor) bool {
	f := &field{descriptor: descriptor}
	oneof := descriptor.ContainingOneof()
	switch {
	case isRequired(descriptor):
		p.report(at, "drop the rule from the contract", "field %q is required by the contract, so it cannot be hidden", descriptor.Name())
	case oneof != nil && isRequiredOneof(oneof):
		p.report(at, "drop the rule from the contract", "a field of oneof %q is required by the contract, so none of them can be hidden", oneof.Name())
	case !f.mayBeUnset():
		p.report(at, fmt.Sprintf("write \"optional %s %s\" in the contract", typeName(descriptor), descriptor.Name()),
			"field %q cannot be unset, so it cannot be hidden: a client could not tell \"hidden\" from %s", descriptor.Name(), zeroName(descriptor))
	default:
		return true
	}
	return false
}

// isRequiredOneof reports whether the contract demands that one of the fields has a value.
func isRequiredOneof(oneof protoreflect.OneofDescriptor) bool {
	rules, err := protovalidate.ResolveOneofRules(oneof)
	return err == nil && rules.GetRequired()
}
