package bff

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// noteAnswer notes what becomes of a call, for the log of decisions.
type noteAnswer struct{}

var _ connect.Interceptor = noteAnswer{}

// WrapUnary implements connect.Interceptor.
func (noteAnswer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		response, err := next(ctx, request)
		answer := answerOf(ctx, err)
		answer.Partial = err == nil && len(response.Header()[partialHeader]) > 0
		policy.From(ctx).Answered(answer)
		return response, err
	}
}

// WrapStreamingHandler implements connect.Interceptor, for reflection.
func (noteAnswer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, connection connect.StreamingHandlerConn) error {
		err := next(ctx, connection)
		policy.From(ctx).Answered(answerOf(ctx, err))
		return err
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (noteAnswer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func answerOf(ctx context.Context, err error) policy.Answer {
	answer := policy.Answer{Span: trace.SpanContextFromContext(ctx)}
	if err != nil && !connect.IsNotModifiedError(err) {
		answer.Code = connect.CodeOf(err)
	}
	return answer
}

// loggedDecision is a decision as the log has it.
type loggedDecision struct {
	Kind   string `json:"kind"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// recordDecisions counts what was decided about a call that is over, and logs it as the policy says. There is nothing of the call's
// message in it.
func (w *world) recordDecisions(r *http.Request, call *policy.Call) {
	if w.plan.Policy == nil {
		return
	}
	for _, decision := range call.Decisions {
		w.server.meters.decided(r.Context(), counted{decision.Kind, decision.By, call.RPC})
	}
	if outcome := call.Outcome(); outcome != policy.Allow || w.plan.Policy.LogAll {
		w.logDecisions(r, call, outcome)
	}
}

// decided counts a decision.
func (m *meters) decided(ctx context.Context, by counted) {
	m.decisions.Add(ctx, 1, m.counted.of(by)...)
}

func (w *world) logDecisions(r *http.Request, call *policy.Call, outcome string) {
	var room [9]slog.Attr // for all that there may be
	attributes := append(room[:0],
		slog.String("rpc", call.RPC), slog.String("outcome", outcome), slog.String("peer", call.Peer.IP),
		slog.String("listener", call.Peer.Listener), slog.Float64("duration_ms", float64(time.Since(call.Arrived).Microseconds())/1e3),
	)
	if caller := call.Caller; caller != nil { // nobody where the proof does not hold
		group := slog.GroupValue(slog.String("provider", caller.Provider), slog.String("id", caller.ID))
		attributes = append(attributes, slog.Attr{Key: "caller", Value: group})
	}
	if code, known := call.Code(); known {
		attributes = append(attributes, slog.String("code", codeName(code)))
	}
	if answer := call.Answer; answer != nil {
		attributes = append(attributes, slog.Bool("partial", answer.Partial))
	}
	decisions := make([]loggedDecision, len(call.Decisions))
	for i, decision := range call.Decisions {
		decisions[i] = loggedDecision(decision)
	}
	w.server.settings.logger.LogAttrs(spanOf(r, call), slog.LevelInfo, "decision", append(attributes, slog.Any("decisions", decisions))...)
}

// spanOf is the context with the span that a call was served in; of one that was refused before, the client's. Loggers know what to write of
// it.
func spanOf(r *http.Request, call *policy.Call) context.Context {
	if answer := call.Answer; answer != nil && answer.Span.IsValid() {
		return trace.ContextWithSpanContext(r.Context(), answer.Span)
	}
	return telemetry.Propagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
}

// codeName is the name of a code; "ok" for none.
func codeName(code connect.Code) string {
	if code == 0 {
		return "ok"
	}
	return code.String()
}
