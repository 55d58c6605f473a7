package bff

import (
	"context"
	"errors"
	"log/slog"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// failure is what the client is told: a canonical code, a text that names nothing behind the boundary, and details
// (AIP-193) that programs can act on.
func (p *procedure) failure(err error) *connect.Error {
	if wrong, ok := errors.AsType[*aggregate.RequestError](err); ok {
		return policy.InvalidArgument(&errdetails.BadRequest_FieldViolation{Field: wrong.Field, Description: wrong.Description})
	}
	if failed, ok := errors.AsType[*aggregate.CallError](err); ok {
		return p.upstreamFailure(failed.Failure)
	}
	if _, ok := errors.AsType[*aggregate.DriftError](err); ok {
		return p.upstreamFailure(&aggregate.Failure{Reason: aggregate.ReasonDrift})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the deadline passed before the answer was complete"))
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the client cancelled the request"))
	default:
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
}

// levelOf is how much a failure matters to operators: what an upstream says of the request itself matters to its client.
func (p *procedure) levelOf(err error) slog.Level {
	switch p.failure(err).Code() {
	case connect.CodeNotFound, connect.CodeAborted, connect.CodeFailedPrecondition, connect.CodeInvalidArgument:
		return slog.LevelInfo
	default:
		return slog.LevelError
	}
}

func (p *procedure) upstreamFailure(failure *aggregate.Failure) *connect.Error {
	class := failure.Reason.Class()
	told := connect.NewError(connect.Code(class.Code), errors.New(class.Message))
	addDetail(told, &errdetails.ErrorInfo{Reason: string(failure.Reason), Domain: string(p.plan.Method.Parent().FullName())})
	if failure.RetryAfter > 0 {
		addDetail(told, &errdetails.RetryInfo{RetryDelay: durationpb.New(failure.RetryAfter)})
	}
	return told
}

func addDetail(failure *connect.Error, message proto.Message) {
	if detail, err := connect.NewErrorDetail(message); err == nil {
		failure.AddDetail(detail)
	}
}

// logFailure tells operators the cause, with its place in the binding. What only the caller is to blame for is not
// logged.
func (p *procedure) logFailure(ctx context.Context, err error) {
	if _, ok := errors.AsType[*aggregate.RequestError](err); ok || errors.Is(err, context.Canceled) {
		return
	}
	attributes := []slog.Attr{slog.String("rpc", p.plan.Name()), slog.String("error", err.Error())}
	if failed, ok := errors.AsType[*aggregate.CallError](err); ok {
		attributes = append(attributes,
			slog.String("at", failed.Call.At.String()), slog.String("call", failed.Call.Name),
			slog.String("upstream", failed.Call.Upstream), slog.String("reason", string(failed.Reason)))
	}
	if drifted, ok := errors.AsType[*aggregate.DriftError](err); ok {
		attributes = append(attributes, slog.String("at", drifted.Report.At.String()), slog.String("field", drifted.Report.Field))
	}
	p.server.settings.logger.LogAttrs(ctx, p.levelOf(err), "RPC failed", attributes...)
}
