package bff

import (
	"context"
	"log/slog"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// record counts, marks and logs what went wrong on the way to a response, be it missing from it or told in it.
func (p *procedure) record(ctx context.Context, result *aggregate.Result) {
	if result.Partial != nil {
		trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("sheaf.partial", true))
	}
	for i := range result.Calls {
		p.recordCall(ctx, p.plan.Calls[i], &result.Calls[i])
	}
	for i := range result.Drifts {
		p.recordDrift(ctx, &result.Drifts[i])
	}
	if result.MoreDrifts > 0 {
		p.server.meters.drifts.Add(ctx, int64(result.MoreDrifts), metric.WithAttributes(attribute.String("sheaf.rpc", p.plan.Name())))
	}
}

// recordCall tells of a call without an answer, and of those in RPCs that it reached in process.
func (p *procedure) recordCall(ctx context.Context, call *plan.Call, result *aggregate.CallResult) {
	if result.Failure == nil && len(result.Inner) == 0 {
		return
	}
	logger, rpc := p.server.settings.logger, p.plan.Name()
	count := func(reason string) {
		p.server.meters.missing.Add(ctx, 1, metric.WithAttributes(
			attribute.String("sheaf.rpc", rpc), attribute.String("sheaf.call", call.Name), attribute.String("sheaf.reason", reason)))
	}
	if failure := result.Failure; failure != nil {
		count(string(failure.Reason))
		if failure.Reason == plan.ReasonShed {
			return // it is counted; a line for each would add to the load
		}
		logger.LogAttrs(ctx, levelOfMissing(failure), "optional call gave no answer",
			slog.String("rpc", rpc), slog.String("call", call.Name), slog.String("upstream", call.Upstream()), slog.String("at", call.At.String()),
			slog.String("reason", string(failure.Reason)), slog.String("error", failure.Error()))
	}
	for _, inner := range result.Inner {
		count(inner.GetCode().String()) // without its index, of which there is no end
		logger.LogAttrs(ctx, levelOfCode(connect.Code(inner.GetCode()), slog.LevelWarn), "optional call gave no answer",
			slog.String("rpc", rpc), slog.String("call", call.Name), slog.String("inner", inner.GetCall()), slog.String("at", call.At.String()), slog.String("reason", inner.GetCode().String()))
	}
}

// levelOfMissing is the level of the line about an optional call without an answer. That a breaker opened has had its own line; one for each
// call that it refuses would bury what else happens.
func levelOfMissing(failure *aggregate.Failure) slog.Level {
	if upstreams.IsOpen(failure) {
		return slog.LevelDebug
	}
	code, _ := failure.Told()
	return levelOfCode(connect.Code(code), slog.LevelWarn)
}

// recordDrift tells of a field that an upstream no longer fills.
func (p *procedure) recordDrift(ctx context.Context, drift *aggregate.Drift) {
	p.server.drifts.add(drift)
	p.server.meters.drifts.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.rpc", p.plan.Name()),
		attribute.String("sheaf.upstream", drift.Upstream()), attribute.String("sheaf.source", drift.At.String())))
	p.server.settings.logger.LogAttrs(ctx, slog.LevelWarn, "upstream has drifted",
		slog.String("rpc", p.plan.Name()), slog.String("field", drift.Field), slog.String("path", drift.Origin),
		slog.String("expected", drift.Expected), slog.String("found", drift.Found), slog.String("sample", drift.Sample),
		slog.String("at", drift.At.String()), slog.String("call", drift.CallName()), slog.String("upstream", drift.Upstream()))
}
