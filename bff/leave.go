package bff

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// leave is the way of every response out, be it new or kept from an earlier call: it hides what the caller may not see, and then names
// what is left.
func (p *procedure) leave(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		answer, err := next(ctx, request)
		if err != nil {
			return nil, err
		}
		if answer, err = p.hideFields(ctx, answer); err != nil {
			return nil, err
		}
		if given, ok := answer.Any().(*response); ok && request.HTTPMethod() == http.MethodGet {
			setTag(answer.Header(), given.wire)
		}
		return answer, nil
	}
}

// hideFields takes out of a response, and of what is told beside it, the fields that are hidden from the caller. The response itself stays
// as it is: others may get it, too.
func (p *procedure) hideFields(ctx context.Context, answer connect.AnyResponse) (connect.AnyResponse, error) {
	given, ok := answer.Any().(*response)
	if p.filter == nil || !ok {
		return answer, nil
	}
	call := policy.From(ctx)
	hiding := p.filter.Hiding(ctx, call, call.Facts(nil, time.Now()))
	if hiding == nil {
		return answer, nil
	}
	wire, err := hiding.Message(given.wire)
	if err != nil {
		p.server.settings.logger.ErrorContext(ctx, "fields cannot be hidden", slog.String("rpc", p.plan.Name()), slog.String("error", err.Error()))
		return nil, connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
	shown := connect.NewResponse(&response{wire})
	maps.Copy(shown.Header(), answer.Header())
	maps.Copy(shown.Trailer(), answer.Trailer())
	if told := shown.Header().Get(partialHeader); told != "" {
		shown.Header().Del(partialHeader)
		var partial sheafv1.Partial
		if protojson.Unmarshal([]byte(told), &partial) == nil && hiding.Partial(&partial) { // it is our own
			shown.Header().Set(partialHeader, p.partials.text(&partial))
		}
	}
	return shown, nil
}

// fieldFilter takes hidden fields out of the responses of an RPC; nil if they cannot contain any.
func (w *world) fieldFilter(rpc *plan.RPC) *policy.FieldFilter {
	if w.plan.Policy == nil || len(w.plan.Policy.Fields) == 0 {
		return nil
	}
	return policy.NewFieldFilter(rpc.Method.Output(), w.plan.Files, policyFieldRules(w.plan.Policy))
}

func policyFieldRules(frozen *plan.Policy) []policy.FieldRule {
	var rules []policy.FieldRule
	for _, rule := range frozen.Fields {
		fields := map[protoreflect.FullName][]protoreflect.FieldNumber{}
		for message, hidden := range rule.Fields {
			for _, field := range hidden {
				name := protoreflect.FullName(message)
				fields[name] = append(fields[name], protoreflect.FieldNumber(field.Number))
			}
		}
		rules = append(rules, policy.FieldRule{Name: rule.Name, Fields: fields, Allow: rule.Allow})
	}
	return rules
}
