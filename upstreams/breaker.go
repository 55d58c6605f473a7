package upstreams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breaker opens when too large a share of recent calls failed.
type breaker struct {
	upstream string
	circuit  *gobreaker.CircuitBreaker[*Answer]
	openFor  time.Duration
	// openedAt is when it last opened. It keeps its monotonic reading, so that setting the clock changes nothing.
	openedAt atomic.Pointer[time.Time]
}

// buckets is how many parts the window moves on by.
const buckets = 10

func newBreaker(config *Config, observer *observer, name string) *breaker {
	b := &breaker{upstream: config.Name, openFor: config.Breaker.OpenFor}
	b.circuit = gobreaker.NewCircuitBreaker[*Answer](gobreaker.Settings{
		Name:         name,
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
				now := time.Now()
				b.openedAt.Store(&now)
			}
			observer.breakerChanged(to.String())
			config.Logger.Warn("circuit breaker changed",
				slog.String("upstream", config.Name), slog.String("breaker", name), slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
	return b
}

// breakers are one for all calls to an address, or one for each route.
type breakers struct {
	config   *Config
	observer *observer
	perRoute sync.Map // *breaker by route; empty if they share one
	shared   *breaker
}

func newBreakers(config *Config, observer *observer) *breakers {
	b := &breakers{config: config, observer: observer}
	if !config.Breaker.PerRoute {
		b.shared = newBreaker(config, observer, config.Name)
	}
	return b
}

// guard makes next fail at once while the breaker is open.
func (b *breakers) guard(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		answer, err := b.of(exchange.Request).do(func() (*Answer, error) { return next(ctx, exchange) })
		if failure, ok := errors.AsType[*Error](err); ok && failure.refused {
			b.observer.note(ctx, NoteBreaker, exchange.Request, "open")
		}
		return answer, err
	}
}

// of is the breaker of a request. There are as many routes as calls in bindings.
func (b *breakers) of(request *Request) *breaker {
	if b.shared != nil {
		return b.shared
	}
	route := request.route()
	if known, ok := b.perRoute.Load(route); ok {
		return known.(*breaker)
	}
	created, _ := b.perRoute.LoadOrStore(route, newBreaker(b.config, b.observer, b.config.Name+" "+route))
	return created.(*breaker)
}

// state is closed, half-open or open; that of the worst where each route has its own.
func (b *breakers) state() string {
	if b.shared != nil {
		return b.shared.circuit.State().String()
	}
	worst := gobreaker.StateClosed
	severity := []gobreaker.State{gobreaker.StateClosed, gobreaker.StateHalfOpen, gobreaker.StateOpen}
	b.perRoute.Range(func(_, one any) bool {
		if state := one.(*breaker).circuit.State(); slices.Index(severity, state) > slices.Index(severity, worst) {
			worst = state
		}
		return true
	})
	return worst.String()
}

// do makes a call, unless the breaker is open.
func (b *breaker) do(call func() (*Answer, error)) (*Answer, error) {
	answer, err := b.circuit.Execute(call)
	if !IsOpen(err) {
		return answer, err
	}
	return nil, &Error{
		Upstream: b.upstream, Kind: KindUnavailable, Unsent: true, refused: true, RetryAfter: b.rest(time.Now()),
		Err: fmt.Errorf("refused without a try: %w", err),
	}
}

// IsOpen reports whether an error is that of a call which an open circuit breaker refused.
func IsOpen(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// rest is how long it stays open yet.
func (b *breaker) rest(now time.Time) time.Duration {
	return max(0, b.openFor-now.Sub(*b.openedAt.Load()))
}

// isFailure reports whether a call shows that the upstream is not well.
func isFailure(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		return err != nil
	}
	if failure.said.known {
		return failure.said.unwell
	}
	if failure.Status >= http.StatusBadRequest {
		return failure.Status >= http.StatusInternalServerError
	}
	return true
}

// isExcluded reports whether a call says nothing about the upstream: the caller gave up, or nothing was sent.
func isExcluded(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.given {
		return ok
	}
	switch failure.Kind {
	case KindBadRequest, KindAddress, KindToken:
		return true
	default:
		return failure.Kind == KindCredentials && failure.Unsent
	}
}
