package upstreams

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
)

// limiter bounds the requests under way, and those that wait for their turn: what an upstream cannot take waits here briefly,
// or fails at once, instead of piling up.
type limiter struct {
	upstream string
	slots    slots
	queue    int64
	maxWait  time.Duration
	waiting  atomic.Int64
}

// slots are the turns that requests take.
type slots interface {
	// try takes one that is free. finish gives it back; useful says whether the time in between tells of the upstream.
	try() (finish func(useful bool), ok bool)
	// wait waits for one. The error is ctx's.
	wait(ctx context.Context) (finish func(useful bool), err error)
}

func newLimiter(config *Config) *limiter {
	l := &limiter{upstream: config.Name, queue: int64(config.Concurrency.Queue), maxWait: config.Timeout}
	if config.Concurrency.Adaptive {
		l.slots = newAdaptiveSlots(config.Concurrency.Max)
	} else {
		l.slots = newFixedSlots(config.Concurrency.Max)
	}
	return l
}

// limit makes next wait for its turn.
func (l *limiter) limit(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		finish, ok := l.slots.try()
		if !ok {
			var failure *Error
			if finish, failure = l.enqueue(ctx, exchange.bounded(l.maxWait)); failure != nil {
				failure.Call = exchange.Name
				return nil, failure
			}
		}
		useful := false
		defer func() { finish(useful) }()
		answer, err := next(ctx, exchange)
		useful = tellsOfLatency(err)
		return answer, err
	}
}

// tellsOfLatency reports whether the time that a request took is how long the upstream takes: it was answered, or not in time. That it
// failed at once is no sign of health.
func tellsOfLatency(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return err == nil
	case failure.Kind == KindTimeout:
		return !failure.given
	default:
		return failure.Answer != nil && !isFailure(err) && !failure.Retryable()
	}
}

// enqueue waits for a turn, but not forever.
func (l *limiter) enqueue(ctx context.Context, most time.Duration) (func(bool), *Error) {
	if l.waiting.Add(1) > l.queue {
		l.waiting.Add(-1)
		return nil, l.refuse(fmt.Errorf("refused without a try: all turns are taken, and %d requests wait", l.queue))
	}
	defer l.waiting.Add(-1)
	waitCtx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	finish, err := l.slots.wait(waitCtx)
	if err == nil && ctx.Err() != nil { // the turn came when the caller had gone
		finish(false)
	}
	switch {
	case ctx.Err() != nil:
		failure := l.refuse(fmt.Errorf("caller gave up while it waited for its turn: %w", ctx.Err()))
		failure.given = true
		return nil, failure
	case err == nil:
		return finish, nil
	default:
		return nil, l.refuse(fmt.Errorf("refused without a try: no turn within %s", most))
	}
}

func (l *limiter) refuse(err error) *Error {
	return &Error{Upstream: l.upstream, Kind: KindOverloaded, Unsent: true, refused: true, Err: err}
}

// fixedSlots are as many as the channel holds.
type fixedSlots struct {
	taken  chan struct{}
	finish func(bool)
}

func newFixedSlots(most int) fixedSlots {
	taken := make(chan struct{}, most)
	return fixedSlots{taken, func(bool) { <-taken }}
}

func (s fixedSlots) try() (func(bool), bool) {
	select {
	case s.taken <- struct{}{}:
		return s.finish, true
	default:
		return nil, false
	}
}

func (s fixedSlots) wait(ctx context.Context) (func(bool), error) {
	select {
	case s.taken <- struct{}{}:
		return s.finish, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// adaptiveSlots become fewer when answers take longer than they did, and more when they do not.
type adaptiveSlots struct {
	limiter adaptivelimiter.AdaptiveLimiter[any]
}

func newAdaptiveSlots(most int) adaptiveSlots {
	const first = 20
	return adaptiveSlots{adaptivelimiter.NewBuilder[any]().WithLimits(1, uint(most), uint(min(first, most))).Build()}
}

func (s adaptiveSlots) try() (func(bool), bool) {
	permit, ok := s.limiter.TryAcquirePermit()
	if !ok {
		return nil, false
	}
	return finishPermit(permit), true
}

func (s adaptiveSlots) wait(ctx context.Context) (func(bool), error) {
	permit, err := s.limiter.AcquirePermit(ctx)
	if err != nil {
		return nil, err
	}
	return finishPermit(permit), nil
}

func finishPermit(permit adaptivelimiter.Permit) func(bool) {
	return func(useful bool) {
		if useful {
			permit.Record()
		} else {
			permit.Drop()
		}
	}
}
