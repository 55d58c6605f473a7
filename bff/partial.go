package bff

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sheaf-rpc/sheaf/aggregate"
	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
)

// partialHeader carries the report of what is missing, over every protocol.
const partialHeader = "Sheaf-Partial"

// maxPartialHeader bounds it in bytes; peers commonly refuse headers beyond 8 KiB in all.
const maxPartialHeader = 4 << 10

// partialJSON is the report as JSON of printable ASCII. A report that is too long loses its drifts first, then its
// fields.
func partialJSON(partial *sheafv1.Partial) string {
	text := asciiJSON(partial)
	if len(text) <= maxPartialHeader {
		return text
	}
	short := &sheafv1.Partial{}
	for _, missing := range partial.GetMissingCalls() {
		short.MissingCalls = append(short.MissingCalls, &sheafv1.MissingCall{
			Call: missing.GetCall(), Code: missing.GetCode(), Retryable: missing.GetRetryable(), RetryAfter: missing.GetRetryAfter(),
		})
	}
	if text = asciiJSON(short); len(text) <= maxPartialHeader {
		return text
	}
	return "{}"
}

func asciiJSON(partial *sheafv1.Partial) string {
	raw, err := protojson.Marshal(partial)
	if err != nil {
		return "{}"
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return "{}"
	}
	compact, err := json.Marshal(value)
	if err != nil {
		return "{}"
	}
	return toASCII(compact)
}

// toASCII escapes what a header cannot carry.
func toASCII(text []byte) string {
	var ascii []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			r -= 0x10000
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
		text = text[size:]
	}
	return string(ascii)
}

// meters count what is missing from responses.
type meters struct {
	missing, drifts metric.Int64Counter
}

func newMeters(provider metric.MeterProvider) (*meters, error) {
	meter := provider.Meter("github.com/sheaf-rpc/sheaf/bff")
	missing, err := meter.Int64Counter("sheaf.missing_calls", metric.WithUnit("{call}"),
		metric.WithDescription("Optional calls that gave no answer."))
	if err != nil {
		return nil, fmt.Errorf("create counter: %w", err)
	}
	drifts, err := meter.Int64Counter("sheaf.drifts", metric.WithUnit("{field}"),
		metric.WithDescription("Fields left unset because an upstream answered in another shape than its binding expects."))
	if err != nil {
		return nil, fmt.Errorf("create counter: %w", err)
	}
	return &meters{missing: missing, drifts: drifts}, nil
}

// recordPartial counts, marks and logs what is missing from a response.
func (p *procedure) recordPartial(ctx context.Context, result *aggregate.Result) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("sheaf.partial", true))
	rpc := attribute.String("sheaf.rpc", p.plan.Name())
	for i, call := range result.Calls {
		if call.Failure == nil {
			continue
		}
		p.meters.missing.Add(ctx, 1, metric.WithAttributes(rpc,
			attribute.String("sheaf.call", call.Name), attribute.String("sheaf.reason", string(call.Failure.Reason))))
		p.server.settings.logger.WarnContext(ctx, "optional call gave no answer",
			slog.String("rpc", p.plan.Name()), slog.String("call", call.Name), slog.String("upstream", p.plan.Calls[i].Upstream()),
			slog.String("at", p.plan.Calls[i].At.String()), slog.String("reason", string(call.Failure.Reason)),
			slog.String("error", call.Failure.Error()))
	}
	for _, drift := range result.Drifts {
		p.server.drifts.add(&drift)
		p.meters.drifts.Add(ctx, 1, metric.WithAttributes(rpc,
			attribute.String("sheaf.upstream", drift.Upstream()), attribute.String("sheaf.source", drift.At.String())))
		p.server.settings.logger.LogAttrs(ctx, slog.LevelWarn, "upstream has drifted",
			slog.String("rpc", p.plan.Name()), slog.String("field", drift.Field), slog.String("path", drift.Origin),
			slog.String("expected", drift.Expected), slog.String("found", drift.Found), slog.String("sample", drift.Sample),
			slog.String("at", drift.At.String()), slog.String("call", drift.CallName()), slog.String("upstream", drift.Upstream()))
	}
	if result.MoreDrifts > 0 {
		p.meters.drifts.Add(ctx, int64(result.MoreDrifts), metric.WithAttributes(rpc))
	}
}
