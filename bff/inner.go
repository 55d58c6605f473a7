package bff

import (
	"errors"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/aggregate"
)

// checkInner checks the request of an RPC that is called in process, as policy.Validate does one from outside.
func checkInner(validator protovalidate.Validator, request protoreflect.Message) error {
	err := validator.Validate(request.Interface())
	violated, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return err
	}
	wrong := &aggregate.RequestError{}
	for _, violation := range violated.Violations {
		wrong.Violations = append(wrong.Violations, aggregate.Violation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: violation.Proto.GetMessage(), Reason: violation.Proto.GetRuleId(),
		})
	}
	return wrong
}
