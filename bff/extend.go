package bff

import (
	"context"
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// WithFunction makes a Go function a call target: in a binding, function: NAME. The contract has to know the messages that
// it takes and gives. An error that is a *connect.Error gives its code and text to the client; any other is a failure
// whose text only the log has. The function is called concurrently, with a context that ends with the call.
func WithFunction[Request, Response proto.Message](name string, call func(context.Context, Request) (Response, error)) Option {
	var request Request
	var response Response
	target := &function{
		declared: compile.Function{
			Input: request.ProtoReflect().Descriptor().FullName(), Output: response.ProtoReflect().Descriptor().FullName(),
		},
		call: func(ctx context.Context, wire []byte) (proto.Message, error) {
			typed := request.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(wire, typed); err != nil {
				return nil, fmt.Errorf("read request: %w", err)
			}
			return call(ctx, typed.(Request))
		},
	}
	return func(s *settings) { s.functions[name] = target }
}

// WithExpressions declares functions of the expression language, such as cel.Function("shop.discount", ...). They are
// called concurrently, and must neither wait nor change anything.
func WithExpressions(declarations ...cel.EnvOption) Option {
	return func(s *settings) { s.expressions = append(s.expressions, declarations...) }
}

// function is a call target in Go.
type function struct {
	declared compile.Function
	call     func(ctx context.Context, wire []byte) (proto.Message, error)
}

var _ aggregate.Callee = (*function)(nil)

// Call implements aggregate.Callee.
func (f *function) Call(ctx context.Context, request []byte) ([]byte, error) {
	response, err := f.call(ctx, request)
	if told, ok := errors.AsType[*connect.Error](err); ok {
		return nil, &aggregate.Failure{
			Reason: plan.ReasonFailed, Code: code.Code(told.Code()), Message: told.Message(), Err: err,
			Retryable: plan.RetryableCode(code.Code(told.Code())),
		}
	}
	if err != nil {
		return nil, err
	}
	return proto.Marshal(response)
}

// extensions are what the options add to the language.
func (s *settings) extensions() compile.Extensions {
	added := compile.Extensions{Functions: map[string]compile.Function{}, Expressions: s.expressions}
	for name, function := range s.functions {
		added.Functions[name] = function.declared
	}
	return added
}
