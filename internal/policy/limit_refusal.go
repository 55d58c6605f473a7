package policy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// The reasons that clients learn from ErrorInfo.
const (
	rateLimited        = "RATE_LIMITED"
	quotaExceeded      = "QUOTA_EXCEEDED"
	concurrencyLimited = "CONCURRENCY_LIMITED"
	costInvalid        = "COST_INVALID"
	costTooHigh        = "COST_TOO_HIGH"
	limitsUnavailable  = "LIMITS_UNAVAILABLE"
)

// exhausted refuses a call for which some limits have too little left. All of them are named, and the last one to have enough says when to
// come again.
func (a *asking) exhausted(ctx context.Context, what *asked) error {
	var violations []*errdetails.QuotaFailure_Violation
	var text, reason string
	var retry time.Duration
	for i, limit := range what.limits {
		take := &what.takes[i]
		if !take.Refused {
			continue
		}
		why := rateLimited
		if limit.bound.IsQuota() {
			why = quotaExceeded
		}
		a.note(ctx, limit, why)
		if text == "" {
			text, reason = fmt.Sprintf("limit %q is exhausted", limit.Name), why
		}
		violations = append(violations, violation(limit, fmt.Sprintf("the call counts %d, and %d is left", take.Cost, take.Remaining)))
		retry = max(retry, take.Retry)
	}
	a.setRetryAfter(retry)
	return failure(connect.CodeResourceExhausted, text+"; try again in "+retry.String(), reason,
		retryInfo(retry), &errdetails.QuotaFailure{Violations: violations})
}

// crowded refuses a call beside which too many are in flight. When one of them ends, nobody knows.
func (a *asking) crowded(ctx context.Context, limit *limit) error {
	a.note(ctx, limit, concurrencyLimited)
	a.setRetryAfter(retryDelay)
	return failure(connect.CodeResourceExhausted, fmt.Sprintf("limit %q: too many calls are in flight; try again when one has ended", limit.Name), concurrencyLimited,
		retryInfo(retryDelay),
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{violation(limit, fmt.Sprintf("%d calls are in flight", limit.Concurrency))}})
}

// unpriced refuses a call whose cost is none. To count anything for it would let those pass who make it so.
func (a *asking) unpriced(ctx context.Context, limit *limit) error {
	a.note(ctx, limit, costInvalid)
	return failure(connect.CodeInvalidArgument, fmt.Sprintf("what this request counts for limit %q cannot be told", limit.Name), costInvalid)
}

// tooDear refuses a call that costs more than is ever there. To try again does not help, so that it is no RESOURCE_EXHAUSTED.
func (a *asking) tooDear(ctx context.Context, limit *limit, cost int64) error {
	a.note(ctx, limit, costTooHigh)
	text := fmt.Sprintf("this request counts %d, and limit %q never admits more than %d at once", cost, limit.Name, limit.bound.Most())
	return failure(connect.CodeInvalidArgument, text, costTooHigh,
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{violation(limit, text)}})
}

// unavailable refuses a call that nobody can count.
func (a *asking) unavailable(ctx context.Context, limit *limit) error {
	a.note(ctx, limit, limitsUnavailable)
	a.setRetryAfter(retryDelay)
	return failure(connect.CodeUnavailable, "the limits cannot be checked at the moment; try again later", limitsUnavailable,
		retryInfo(retryDelay))
}

func (a *asking) note(ctx context.Context, limit *limit, reason string) {
	a.call.Decide(Limited, limit.Name, reason)
	a.Refused(ctx, limit.Name, reason)
}

// violation names the limit, and nothing of what it counts by.
func violation(limit *limit, description string) *errdetails.QuotaFailure_Violation {
	return &errdetails.QuotaFailure_Violation{Subject: "limit:" + limit.Name, Description: description, QuotaId: limit.Name, QuotaValue: limit.quantity()}
}

// setRetryAfter tells when to come again in whole seconds (RFC 9110, section 10.2.3).
func (a *asking) setRetryAfter(retry time.Duration) {
	if a.call.Header != nil {
		a.call.Header.Set(RetryAfterHeader, strconv.FormatInt(max(1, seconds(retry)), 10))
	}
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
