package bff

import (
	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// validate refuses requests that break the contract's rules; nil if it has none for them, so that they need not be built.
func (p *procedure) validate() connect.Interceptor {
	if !isRuled(p.plan.Method.Input(), map[protoreflect.FullName]bool{}) {
		return nil
	}
	return policy.Validate(p.validator)
}

// isRuled reports whether a message, or one below it, has rules of protovalidate. The messages that have been looked at are left out.
func isRuled(message protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[message.FullName()] {
		return false
	}
	seen[message.FullName()] = true
	if hasRules(message) {
		return true
	}
	for i := range message.Oneofs().Len() {
		if hasRules(message.Oneofs().Get(i)) {
			return true
		}
	}
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if hasRules(field) || field.Message() != nil && isRuled(field.Message(), seen) {
			return true
		}
	}
	return false
}

// hasRules reports whether the options of something hold rules, in whatever way the extension has been read: those of messages, fields and
// oneofs are of one number.
func hasRules(descriptor protoreflect.Descriptor) bool {
	options, err := proto.MarshalOptions{AllowPartial: true}.Marshal(descriptor.Options())
	if err != nil {
		return true // nobody knows
	}
	rules := validate.E_Field.TypeDescriptor().Number()
	for len(options) > 0 {
		number, _, size := protowire.ConsumeField(options)
		if size < 0 || number == rules {
			return true
		}
		options = options[size:]
	}
	return false
}
