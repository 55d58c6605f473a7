package compile

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// answered are the messages that responses of RPCs can contain, by their full names: with a google.protobuf.Any, all there are.
func (d *draft) answered(rpcs ...*rpc) map[string]protoreflect.MessageDescriptor {
	found := map[string]protoreflect.MessageDescriptor{}
	var visit func(protoreflect.MessageDescriptor)
	var visitAll func(protoreflect.MessageDescriptors)
	visitAll = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			visit(messages.Get(i))
			visitAll(messages.Get(i).Messages())
		}
	}
	visit = func(message protoreflect.MessageDescriptor) {
		name := string(message.FullName())
		if found[name] != nil || message.FullName() == partialType {
			return
		}
		found[name] = message
		for i := range message.Fields().Len() {
			if below := message.Fields().Get(i).Message(); below != nil {
				visit(below)
			}
		}
		if name == "google.protobuf.Any" {
			d.files().RangeFiles(func(file protoreflect.FileDescriptor) bool {
				visitAll(file.Messages())
				return true
			})
		}
	}
	for _, rpc := range rpcs {
		visit(rpc.method.Output())
	}
	for name, message := range found {
		if message.IsMapEntry() {
			delete(found, name)
		}
	}
	return found
}

// hiddenFrom are the fields of an RPC's responses that rules hide, by rule.
func (d *draft) hiddenFrom(r *rpc) []plan.HiddenFields {
	if d.policy == nil || len(d.policy.Fields) == 0 {
		return nil
	}
	var hidden []plan.HiddenFields
	answered := d.answered(r)
	for _, rule := range d.policy.Fields {
		one := plan.HiddenFields{Rule: rule}
		for _, message := range sortedKeys(rule.Fields) {
			for _, field := range rule.Fields[message] {
				if answered[message] != nil {
					one.Fields = append(one.Fields, message+"."+field.Name)
				}
			}
		}
		if len(one.Fields) > 0 {
			hidden = append(hidden, one)
		}
	}
	return hidden
}
