package policy

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Rule allows or denies calls of one RPC.
type Rule struct {
	Name string
	// Deny is set if the rule denies.
	Deny bool
	// When is the condition, compiled for the RPC's request.
	When *expr.Program
}

// Rules are those about one RPC, in their order: what denies comes first. It is safe for concurrent use.
type Rules struct {
	deny, allow []Rule
}

// NewRules orders rules.
func NewRules(rules []Rule) *Rules {
	ordered := &Rules{}
	for _, rule := range rules {
		if rule.Deny {
			ordered.deny = append(ordered.deny, rule)
		} else {
			ordered.allow = append(ordered.allow, rule)
		}
	}
	return ordered
}

// Decide allows what a rule allows and none denies. A rule that denies and cannot be evaluated denies; one that allows does not allow.
func (r *Rules) Decide(ctx context.Context, facts *Facts) Decision {
	for _, rule := range r.deny {
		switch fulfilled, err := holds(ctx, rule.When, facts); {
		case err != nil:
			return Decision{Deny, rule.Name, "its condition cannot be evaluated: " + err.Error()}
		case fulfilled:
			return Decision{Deny, rule.Name, "its condition holds"}
		}
	}
	var failed []string
	for _, rule := range r.allow {
		switch fulfilled, err := holds(ctx, rule.When, facts); {
		case err != nil:
			failed = append(failed, "; "+rule.Name+" cannot be evaluated: "+err.Error())
		case fulfilled:
			return Decision{Allow, rule.Name, "its condition holds"}
		}
	}
	return Decision{Deny, "", "no rule allows it" + strings.Join(failed, "")}
}

// Authorize refuses calls that the rules of their RPC do not allow. Who has proven nothing is asked to, where there are proofs that count.
func Authorize(rules *Rules) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			call := From(ctx)
			message, _ := request.Any().(proto.Message)
			decision := rules.Decide(ctx, call.Facts(message, time.Time{}))
			call.add(decision)
			switch {
			case decision.Kind == Allow:
				return next(ctx, request)
			case ctx.Err() != nil:
				return nil, ended(ctx, "the call was allowed")
			default:
				return nil, denied(call)
			}
		}
	})
}

// denied says no more than that: which rule it was is for the log. Without a proof it is 401, and with one 403 (RFC 9110, sections 15.5.2
// and 15.5.4).
func denied(call *Call) *connect.Error {
	if len(call.Challenges) == 0 || !call.Caller.IsAnonymous() {
		return failure(connect.CodePermissionDenied, "the caller may not do this", "POLICY_DENIED")
	}
	told := failure(connect.CodeUnauthenticated, "this needs a proof of who calls", "POLICY_DENIED")
	Challenge(told.Meta(), call.Challenges)
	return told
}
