package bff

import (
	"context"
	"errors"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// adapter is an upstreams.Client as package aggregate needs it; neither knows the other.
type adapter struct {
	client *upstreams.Client
}

var _ aggregate.Upstream = adapter{}

// Do implements aggregate.Upstream.
func (a adapter) Do(ctx context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	answer, err := a.client.Do(ctx, (*upstreams.Request)(call))
	if err != nil {
		return nil, failureOf(err)
	}
	return (*aggregate.Answer)(answer), nil
}

// Renew implements aggregate.Upstream.
func (a adapter) Renew(ctx context.Context, account string, generation uint64) error {
	return a.client.Renew(ctx, account, generation)
}

// reasons is the one table from what upstreams tells apart to what clients are told.
var reasons = map[upstreams.Kind]plan.Reason{
	upstreams.KindUnavailable:  plan.ReasonUnavailable,
	upstreams.KindTimeout:      plan.ReasonTimeout,
	upstreams.KindRateLimited:  plan.ReasonRateLimited,
	upstreams.KindFailed:       plan.ReasonFailed,
	upstreams.KindNotFound:     plan.ReasonNotFound,
	upstreams.KindConflict:     plan.ReasonConflict,
	upstreams.KindPrecondition: plan.ReasonPrecondition,
	upstreams.KindRejected:     plan.ReasonRejected,
	upstreams.KindCredentials:  plan.ReasonCredentials,
	upstreams.KindBadAnswer:    plan.ReasonBadAnswer,
	upstreams.KindToken:        plan.ReasonToken,
	upstreams.KindAddress:      plan.ReasonAddress,
	upstreams.KindOverloaded:   plan.ReasonOverloaded,
	upstreams.KindBadRequest:   plan.ReasonRejected,
}

func failureOf(err error) *aggregate.Failure {
	failure, ok := errors.AsType[*upstreams.Error](err)
	if !ok {
		return &aggregate.Failure{Reason: plan.ReasonFailed, Err: err}
	}
	told := &aggregate.Failure{
		Reason: reasons[failure.Kind], Retryable: failure.Retryable(), RetryAfter: failure.RetryAfter, Err: failure, Unsent: failure.Unsent,
	}
	told.Answer = (*aggregate.Answer)(failure.Answer)
	return told
}
