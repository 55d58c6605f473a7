package bff

import (
	"context"
	"errors"
	"log/slog"
	"maps"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// failure is what the client is told: a canonical code, a text that names nothing behind the boundary, and details
// (AIP-193) that programs can act on.
func (p *procedure) failure(ctx context.Context, err error) *connect.Error {
	if wrong, ok := errors.AsType[*aggregate.RequestError](err); ok {
		return requestFailure(wrong)
	}
	if endedForClient(ctx, err) {
		return deadlineExceeded()
	}
	if failed, ok := errors.AsType[*aggregate.CallError](err); ok {
		told := p.upstreamFailure(failed.Failure)
		maps.Copy(told.Meta(), failed.Header)
		maps.Copy(told.Meta(), failed.Trailer)
		return told
	}
	if _, ok := errors.AsType[*aggregate.DriftError](err); ok {
		return p.upstreamFailure(&aggregate.Failure{Reason: plan.ReasonDrift})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return deadlineExceeded()
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the client cancelled the request"))
	default:
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
}

func deadlineExceeded() *connect.Error {
	return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the deadline passed before the answer was complete"))
}

// endedForClient reports whether it is the client's own deadline that has ended an RPC.
func endedForClient(ctx context.Context, err error) bool {
	failed, ofCall := errors.AsType[*aggregate.CallError](err)
	late := ofCall && failed.OutOfTime || !ofCall && errors.Is(err, context.DeadlineExceeded)
	return late && policy.EndsForClient(ctx)
}

// levelOf is how much a failure matters to operators: what an upstream says of the request itself matters to its client, and so, for the
// most part, does a deadline of the client's.
func (p *procedure) levelOf(ctx context.Context, err error) slog.Level {
	if endedForClient(ctx, err) {
		return slog.LevelWarn
	}
	return levelOfCode(p.failure(ctx, err).Code(), slog.LevelError)
}

// levelOfCode is that of what is nobody's fault but perhaps the client's, or else another.
func levelOfCode(code connect.Code, otherwise slog.Level) slog.Level {
	switch code {
	case connect.CodeNotFound, connect.CodeAborted, connect.CodeFailedPrecondition, connect.CodeInvalidArgument, connect.CodeUnimplemented,
		connect.CodeAlreadyExists:
		return slog.LevelInfo
	default:
		return otherwise
	}
}

func (p *procedure) upstreamFailure(failure *aggregate.Failure) *connect.Error {
	code, message := failure.Told()
	told := connect.NewError(connect.Code(code), errors.New(message))
	if failure.OwnDetails {
		for _, detail := range failure.Details {
			if passed, err := connect.NewErrorDetail(detail); err == nil {
				told.AddDetail(passed)
			}
		}
		return told
	}
	policy.AddDetail(told, &errdetails.ErrorInfo{Reason: string(failure.Reason), Domain: string(p.plan.Method.Parent().FullName())})
	if failure.RetryAfter > 0 {
		policy.AddDetail(told, &errdetails.RetryInfo{RetryDelay: durationpb.New(failure.RetryAfter)})
	}
	if len(failure.Violations) > 0 {
		policy.AddDetail(told, &errdetails.BadRequest{FieldViolations: fieldViolations(failure.Violations)})
	}
	return told
}

// requestFailure says that the caller is wrong.
func requestFailure(wrong *aggregate.RequestError) *connect.Error {
	told := policy.InvalidArgument(fieldViolations(wrong.Violations)...)
	if wrong.NotFound {
		told = connect.NewError(connect.CodeNotFound, errors.New(wrong.Error()))
	}
	return told
}

func fieldViolations(violations []aggregate.Violation) []*errdetails.BadRequest_FieldViolation {
	var told []*errdetails.BadRequest_FieldViolation
	for _, violation := range violations {
		told = append(told, &errdetails.BadRequest_FieldViolation{
			Field: violation.Field, Description: violation.Description, Reason: violation.Reason,
		})
	}
	return told
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
			slog.String("upstream", failed.Call.Upstream()), slog.String("reason", string(failed.Reason)))
	}
	if drifted, ok := errors.AsType[*aggregate.DriftError](err); ok {
		attributes = append(attributes, slog.String("at", drifted.Report.At.String()), slog.String("field", drifted.Report.Field))
	}
	if endedForClient(ctx, err) {
		attributes = append(attributes, slog.String("deadline", "client"))
	}
	p.server.settings.logger.LogAttrs(ctx, p.levelOf(ctx, err), "RPC failed", attributes...)
}
