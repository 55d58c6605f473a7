package upstreams

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// retrier makes a request again that failed for a reason that may pass, where repeating it is safe and the budget allows it.
type retrier struct {
	RetryConfig
	budget   *budget
	observer *observer
}

// retry makes up to Max further tries. All of them, and the waits between, fit into the time that ctx and the request leave.
func (r *retrier) retry(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		r.budget.spend()
		if r.Max < 1 {
			return next(ctx, exchange)
		}
		sent := false
		for tries := 1; ; tries++ {
			answer, err := next(ctx, exchange)
			failure, ok := errors.AsType[*Error](err)
			if !ok {
				return answer, err
			}
			sent = sent || !failure.Unsent
			failure.Unsent = !sent
			wait := max(r.wait(tries), failure.RetryAfter)
			if tries > r.Max || !mayRepeat(exchange.Request, failure) || !exchange.fits(ctx, wait) || !r.budget.repeat() {
				return nil, afterTries(failure, tries)
			}
			r.observer.retried(ctx, exchange.Request, tries, failure, wait)
			if sleep(ctx, wait) != nil {
				return nil, afterTries(failure, tries)
			}
		}
	}
}

// mayRepeat reports whether a request that failed may be made again: the reason may pass, and the upstream either never saw it
// or takes it twice as once.
func mayRepeat(request *Request, failure *Error) bool {
	if failure.given || failure.refused || !failure.Retryable() {
		return false
	}
	return failure.Unsent || request.isRepeatable()
}

// wait is random, between nothing and a bound that doubles with each try ("full jitter"), so that those who failed together do
// not come back together.
func (r *retrier) wait(tries int) time.Duration {
	bound := r.MaxBackoff
	if doublings := tries - 1; doublings < 32 {
		bound = min(bound, r.Backoff<<doublings)
	}
	if bound <= 0 { // the shift has overflown
		bound = r.MaxBackoff
	}
	return rand.N(bound) //nolint:gosec // nobody gains by guessing a wait
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// afterTries says how often it was tried.
func afterTries(failure *Error, tries int) *Error {
	if tries > 1 {
		failure.Err = fmt.Errorf("after %d tries: %w", tries, failure.Err)
	}
	return failure
}
