package upstreams

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breaker opens when too large a share of recent calls failed.
type breaker struct {
	upstream string
	circuit  *gobreaker.CircuitBreaker[*Answer]
	openFor  time.Duration
	// openedAt is when it last opened, in Unix nanoseconds.
	openedAt atomic.Int64
}

// buckets is how many parts the window moves on by.
const buckets = 10

func newBreaker(config *Config, observer *observer) *breaker {
	b := &breaker{upstream: config.Name, openFor: config.Breaker.OpenFor}
	b.circuit = gobreaker.NewCircuitBreaker[*Answer](gobreaker.Settings{
		Name:         config.Name,
		MaxRequests:  1,
		Interval:     config.Breaker.Window,
		BucketPeriod: config.Breaker.Window / buckets,
		Timeout:      config.Breaker.OpenFor,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			total := counts.TotalSuccesses + counts.TotalFailures
			return int(total) >= config.Breaker.MinRequests &&
				float64(counts.TotalFailures) >= config.Breaker.FailureRatio*float64(total)
		},
		IsSuccessful: func(err error) bool { return !isFailure(err) },
		IsExcluded:   isExcluded,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.openedAt.Store(time.Now().UnixNano())
			}
			observer.breakerChanged(to.String())
			config.Logger.Warn("circuit breaker changed",
				slog.String("upstream", config.Name), slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return b
}

// do makes a call, unless the breaker is open.
func (b *breaker) do(call func() (*Answer, error)) (*Answer, error) {
	answer, err := b.circuit.Execute(call)
	if !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, gobreaker.ErrTooManyRequests) {
		return answer, err
	}
	opened := time.Unix(0, b.openedAt.Load())
	return nil, &Error{
		Upstream: b.upstream, Kind: KindUnavailable, Unsent: true, RetryAfter: max(0, b.openFor-time.Since(opened)),
		Err: fmt.Errorf("refused without a try: %w", err),
	}
}

// isFailure reports whether a call shows that the upstream is not well.
func isFailure(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		return err != nil
	}
	if failure.Status >= http.StatusBadRequest {
		return failure.Status >= http.StatusInternalServerError
	}
	return true
}

// isExcluded reports whether a call says nothing about the upstream: the caller gave up, or nothing was sent.
func isExcluded(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	return ok && (failure.given || failure.Kind == KindBadRequest || failure.Kind == KindAddress || failure.Kind == KindCredentials && failure.Unsent)
}
