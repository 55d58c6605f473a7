package upstreams

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func newTestLimiter(concurrency ConcurrencyConfig) *limiter {
	config := Config{Name: "things", Timeout: time.Second, Concurrency: concurrency}.withDefaults()
	return newLimiter(&config)
}

func kindOfError(err error) Kind {
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure.Kind
	}
	return ""
}

// TestLimit: so many at once, so many in the queue, and no more; a turn that is free is taken at once.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var underWay, most, answered, refused atomic.Int64
		slow := func(context.Context, exchange) (*Answer, error) {
			if now := underWay.Add(1); now > most.Load() {
				most.Store(now)
			}
			defer underWay.Add(-1)
			time.Sleep(100 * time.Millisecond)
			return &Answer{Status: http.StatusOK}, nil
		}
		do := newTestLimiter(ConcurrencyConfig{Max: 3, Queue: 2}).limit(slow)
		started := time.Now()
		for range 10 {
			go func() {
				if _, err := do(t.Context(), reading()); kindOfError(err) == KindOverloaded && time.Since(started) == 0 {
					refused.Add(1)
				} else if err == nil {
					answered.Add(1)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		if most.Load() != 3 || answered.Load() != 5 || refused.Load() != 5 {
			t.Errorf("%d at once, %d answered, %d refused", most.Load(), answered.Load(), refused.Load())
		}
	})
}

// TestLimitWait: nobody waits longer than a request may take, the call may, or its caller does.
func TestLimitWait(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		until, deadline, want time.Duration
		given                 bool
	}{
		"the upstream's timeout": {want: time.Second},
		"the call's timeout":     {until: 300 * time.Millisecond, want: 300 * time.Millisecond},
		"the caller":             {deadline: 200 * time.Millisecond, want: 200 * time.Millisecond, given: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan struct{})
				do := newTestLimiter(ConcurrencyConfig{Max: 1}).limit(func(context.Context, exchange) (*Answer, error) {
					<-ended
					return &Answer{}, nil
				})
				go func() { _, _ = do(t.Context(), reading()) }()
				synctest.Wait()
				ctx, started, exchange := t.Context(), time.Now(), reading()
				if test.until > 0 {
					exchange.until = started.Add(test.until)
				}
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				_, err := do(ctx, exchange)
				failure, ok := errors.AsType[*Error](err)
				if !ok || failure.Kind != KindOverloaded || !failure.Unsent || failure.given != test.given || time.Since(started) != test.want {
					t.Errorf("error %v after %s", err, time.Since(started))
				}
				close(ended)
			})
		})
	}
}

// TestLimitPanics: a turn comes back however the request ends.
func TestLimitPanics(t *testing.T) {
	t.Parallel()
	do := newTestLimiter(ConcurrencyConfig{Max: 1, Queue: -1}).limit(func(_ context.Context, exchange exchange) (*Answer, error) {
		if exchange.Method == http.MethodPost {
			panic("test")
		}
		return &Answer{}, nil
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = do(t.Context(), writing())
	}()
	if _, err := do(t.Context(), reading()); err != nil {
		t.Error(err)
	}
}

// TestAdaptiveLimit: the bound goes down when answers take longer the more there are at once, and up when they do not.
func TestAdaptiveLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var underWay atomic.Int64
		congested := atomic.Bool{}
		limiter := newTestLimiter(ConcurrencyConfig{Max: 200, Queue: 1000, Adaptive: true})
		do := limiter.limit(func(context.Context, exchange) (*Answer, error) {
			now := underWay.Add(1)
			defer underWay.Add(-1)
			wait := 10 * time.Millisecond
			if congested.Load() {
				wait *= time.Duration(now)
			}
			time.Sleep(wait)
			return &Answer{}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 100 {
			go func() {
				for ctx.Err() == nil {
					_, _ = do(ctx, reading())
				}
			}()
		}
		time.Sleep(30 * time.Second)
		adaptive := limiter.slots.(adaptiveSlots).limiter
		healthy := adaptive.Limit()
		congested.Store(true)
		time.Sleep(30 * time.Second)
		if now := adaptive.Limit(); healthy <= 20 || now > healthy*3/4 {
			t.Errorf("the bound went from %d to %d", healthy, now)
		}
		cancel()
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}

// TestAdaptiveLimitHangs: the bound goes down when requests are not answered in time, and not up when they fail at once.
func TestAdaptiveLimitHangs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration
		err   Error
		lower bool
	}{
		"hangs":         {time.Second, Error{Kind: KindTimeout, Err: errTest}, true},
		"fails at once": {time.Millisecond, Error{Kind: KindUnavailable, Status: http.StatusServiceUnavailable, Answer: &Answer{}, Err: errTest}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failing := atomic.Bool{}
				limiter := newTestLimiter(ConcurrencyConfig{Max: 100, Queue: 1000, Adaptive: true})
				do := limiter.limit(func(context.Context, exchange) (*Answer, error) {
					if failing.Load() {
						time.Sleep(test.takes)
						failure := test.err
						return nil, &failure
					}
					time.Sleep(10 * time.Millisecond)
					return &Answer{}, nil
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for range 50 {
					go func() {
						for ctx.Err() == nil {
							_, _ = do(ctx, reading())
							time.Sleep(20 * time.Millisecond)
						}
					}()
				}
				time.Sleep(10 * time.Second)
				adaptive := limiter.slots.(adaptiveSlots).limiter
				healthy := adaptive.Limit()
				failing.Store(true)
				time.Sleep(time.Minute)
				if now := adaptive.Limit(); test.lower && now >= healthy || !test.lower && now > healthy+1 { // one was under way
					t.Errorf("the bound went from %d to %d", healthy, now)
				}
				cancel()
				synctest.Wait()
				time.Sleep(time.Minute)
			})
		})
	}
}
