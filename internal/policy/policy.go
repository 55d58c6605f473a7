// Package policy is for what holds for a call besides its plan: who may make it and how often, that it happens once for each key, what
// answers it, and what of the answer is hidden. It knows RPCs, messages and callers, never plans and upstreams.
package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// Recover turns a panic into an internal error that tells the client nothing, and logs it with its stack.
func Recover(logger *slog.Logger) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (response connect.AnyResponse, err error) {
			defer func() {
				if cause := recover(); cause != nil {
					logger.ErrorContext(ctx, "recovered from a panic",
						"rpc", request.Spec().Procedure, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
					response, err = nil, connect.NewError(connect.CodeInternal, errors.New("internal error"))
				}
			}()
			return next(ctx, request)
		}
	})
}

// Deadline bounds an RPC. Where the client has a deadline, the RPC ends a little before that: at the deadline itself nobody listens any more.
func Deadline(timeout time.Duration) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			now := time.Now()
			until := now.Add(timeout)
			if at, awaited := ctx.Deadline(); awaited {
				clients := now.Add(usable(at.Sub(now)))
				ctx = context.WithValue(ctx, awaitedKey{}, clients)
				if clients.Before(until) {
					until = clients
				}
			}
			bounded := lazyctx.WithDeadline(ctx, until)
			defer bounded.End()
			return next(bounded, request)
		}
	})
}

// usable is how much of the time that a client waits an RPC may take, so that there is time left to tell it how that ended.
func usable(waits time.Duration) time.Duration {
	const part, most = 20, 10 * time.Millisecond
	return waits - max(0, min(waits/part, most))
}

// awaitedKey is of when an RPC has to end for its client's sake.
type awaitedKey struct{}

// IsAwaited reports whether the client has said how long it waits, behind Deadline.
func IsAwaited(ctx context.Context) bool { return ctx.Value(awaitedKey{}) != nil }

// EndsForClient reports whether it is the client's deadline that ctx ends at, behind Deadline, and none of ours.
func EndsForClient(ctx context.Context) bool {
	clients, awaited := ctx.Value(awaitedKey{}).(time.Time)
	until, bounded := ctx.Deadline()
	return awaited && bounded && !until.Before(clients)
}

// Validate refuses a request that breaks the contract's protovalidate rules.
func Validate(validator protovalidate.Validator) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			message, ok := request.Any().(proto.Message)
			if !ok {
				return nil, connect.NewError(connect.CodeInternal, fmt.Errorf("validate: %T is no message", request.Any()))
			}
			if err := CheckRequest(validator, message); err != nil {
				return nil, err
			}
			return next(ctx, request)
		}
	})
}

// CheckRequest is what Validate does to one message. The error is a *connect.Error.
func CheckRequest(validator protovalidate.Validator, message proto.Message) error {
	err := validator.Validate(message)
	if err == nil {
		return nil
	}
	violated, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return connect.NewError(connect.CodeInternal, errors.New("the contract's rules cannot be evaluated"))
	}
	var violations []*errdetails.BadRequest_FieldViolation
	for _, violation := range violated.Violations {
		violations = append(violations, &errdetails.BadRequest_FieldViolation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: violation.Proto.GetMessage(),
			Reason:      violation.Proto.GetRuleId(),
		})
	}
	return InvalidArgument(violations...)
}
