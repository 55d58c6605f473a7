package upstreams

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeUpstream answers by the number of the request, which begins with 1, and counts what it was asked.
type fakeUpstream struct {
	asked  atomic.Int64
	answer func(ctx context.Context, number int64) (*Answer, error)
}

func (f *fakeUpstream) do(ctx context.Context, _ exchange) (*Answer, error) {
	return f.answer(ctx, f.asked.Add(1))
}

func silent(t *testing.T) *observer {
	t.Helper()
	config := Config{Name: "things"}.withDefaults()
	base, err := parseBase("http://things")
	if err != nil {
		t.Fatal(err)
	}
	observer, err := newObserver(&config, base)
	if err != nil {
		t.Fatal(err)
	}
	return observer
}

func newTestRetrier(t *testing.T, config RetryConfig) *retrier {
	t.Helper()
	filled := Config{Retries: config}.withDefaults().Retries
	return &retrier{RetryConfig: filled, budget: &budget{share: filled.Budget}, observer: silent(t)}
}

var errTest = errors.New("test")

func unavailable() *Error { return &Error{Upstream: "things", Kind: KindUnavailable, Err: errTest} }

func reading() exchange { return exchange{Request: &Request{Method: http.MethodGet}} }

func writing() exchange { return exchange{Request: &Request{Method: http.MethodPost}} }

// TestRetry: what may pass by itself is tried again where that is safe, and nothing else is.
func TestRetry(t *testing.T) {
	t.Parallel()
	repeatable := writing()
	repeatable.Repeatable = true
	for name, test := range map[string]struct {
		exchange exchange
		failure  Error
		asked    int64
	}{
		"unavailable":           {reading(), Error{Kind: KindUnavailable}, 3},
		"timeout":               {reading(), Error{Kind: KindTimeout}, 3},
		"rate limited":          {reading(), Error{Kind: KindRateLimited, RetryAfter: time.Second}, 3},
		"write":                 {writing(), Error{Kind: KindUnavailable}, 1},
		"repeatable write":      {repeatable, Error{Kind: KindUnavailable}, 3},
		"write that never left": {writing(), Error{Kind: KindUnavailable, Unsent: true}, 3},
		"failed":                {reading(), Error{Kind: KindFailed}, 1},
		"not found":             {reading(), Error{Kind: KindNotFound}, 1},
		"refused here":          {reading(), Error{Kind: KindUnavailable, Unsent: true, refused: true}, 1},
		"caller gave up":        {reading(), Error{Kind: KindUnavailable, given: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) {
					failure := test.failure
					failure.Err = errTest
					return nil, &failure
				}}
				_, err := newTestRetrier(t, RetryConfig{Max: 2, Budget: 1}).retry(upstream.do)(t.Context(), test.exchange)
				if upstream.asked.Load() != test.asked || !errors.Is(err, errTest) {
					t.Errorf("asked %d times, error %v; want %d times", upstream.asked.Load(), err, test.asked)
				}
				if retried := strings.Contains(err.Error(), "after 3 tries"); retried != (test.asked == 3) {
					t.Errorf("error = %v", err)
				}
			})
		})
	}
}

// TestRetrySucceeds: the answer is that of the try that succeeded.
func TestRetrySucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(_ context.Context, number int64) (*Answer, error) {
			if number < 3 {
				return nil, unavailable()
			}
			return &Answer{Status: http.StatusOK}, nil
		}}
		answer, err := newTestRetrier(t, RetryConfig{Max: 5, Budget: 1}).retry(upstream.do)(t.Context(), reading())
		if err != nil || answer.Status != http.StatusOK || upstream.asked.Load() != 3 {
			t.Errorf("answer %v, error %v, asked %d times", answer, err, upstream.asked.Load())
		}
	})
}

// TestRetrySent: once a try has reached the upstream, the call is not one that never left, whatever the last try says.
func TestRetrySent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(_ context.Context, number int64) (*Answer, error) {
			failure := unavailable()
			failure.Unsent = number > 1
			return nil, failure
		}}
		_, err := newTestRetrier(t, RetryConfig{Max: 2, Budget: 1}).retry(upstream.do)(t.Context(), reading())
		failure, ok := errors.AsType[*Error](err)
		if !ok || failure.Unsent || upstream.asked.Load() != 3 {
			t.Errorf("error = %#v", err)
		}
	})
}

// TestRetryWaits: the wait is at least what the upstream asks for, at most the back-off's bound, and never leads past the
// deadline: then the call fails at once.
func TestRetryWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		retryAfter, timeout, deadline time.Duration
		asked                         int64
		atLeast, atMost               time.Duration
	}{
		"back-off":                {0, 0, 0, 4, 0, 100*time.Millisecond + 200*time.Millisecond + 250*time.Millisecond},
		"as asked":                {3 * time.Second, 0, 0, 4, 9 * time.Second, 9 * time.Second},
		"not within deadline":     {3 * time.Second, 0, 2 * time.Second, 1, 0, 0},
		"once within deadline":    {3 * time.Second, 0, 4 * time.Second, 2, 3 * time.Second, 3 * time.Second},
		"not within call timeout": {3 * time.Second, 2 * time.Second, 0, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) {
					failure := unavailable()
					failure.RetryAfter = test.retryAfter
					return nil, failure
				}}
				ctx, started, exchange := t.Context(), time.Now(), reading()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				if test.timeout > 0 {
					exchange.until = started.Add(test.timeout)
				}
				config := RetryConfig{Max: 3, Budget: 1, Backoff: 100 * time.Millisecond, MaxBackoff: 250 * time.Millisecond}
				_, _ = newTestRetrier(t, config).retry(upstream.do)(ctx, exchange)
				took := time.Since(started)
				if upstream.asked.Load() != test.asked || took < test.atLeast || took > test.atMost {
					t.Errorf("asked %d times in %s", upstream.asked.Load(), took)
				}
			})
		})
	}
}

// TestRetryStorm: an upstream that fails altogether is asked at most a tenth more than clients ask, whatever the limit of tries.
func TestRetryStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) { return nil, unavailable() }}
		do := newTestRetrier(t, RetryConfig{Max: 10, Budget: 0.1, Backoff: time.Nanosecond}).retry(upstream.do)
		const calls = 10_000
		for range calls {
			_, _ = do(t.Context(), reading())
			time.Sleep(time.Millisecond)
		}
		if asked := upstream.asked.Load(); asked > calls*11/10 || asked < calls*109/100 {
			t.Errorf("asked %d times for %d calls", asked, calls)
		}
	})
}

// TestBudget: it forgets, and a quiet upstream has a few repetitions, too.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := &budget{share: 0.1}
		count := func() int {
			number := 0
			for budget.repeat() {
				number++
			}
			return number
		}
		if got := count(); got != minRepeats {
			t.Errorf("%d repetitions without a request", got)
		}
		for range 100 {
			budget.spend()
		}
		if got := count(); got != 10-minRepeats {
			t.Errorf("%d repetitions more for 100 requests", got)
		}
		time.Sleep(9 * time.Second)
		if got := count(); got != 0 {
			t.Errorf("%d repetitions after nine seconds", got)
		}
		time.Sleep(time.Second)
		if got := count(); got != minRepeats {
			t.Errorf("%d repetitions after ten seconds", got)
		}
	})
}

func newTestHedger(t *testing.T, share float64) *hedger {
	t.Helper()
	config := Config{Hedging: &HedgeConfig{}}.withDefaults()
	h := &hedger{HedgeConfig: *config.Hedging, budget: &budget{share: share}, observer: silent(t)}
	for range recentLatencies {
		h.budget.spend()
		h.latencies.add(20 * time.Millisecond)
	}
	return h
}

// TestHedge: a request that takes longer than most gets a second one beside it, and the slower of the two is cancelled.
func TestHedge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cancelled atomic.Bool
		upstream := fakeUpstream{answer: func(ctx context.Context, number int64) (*Answer, error) {
			if number == 1 {
				<-ctx.Done()
				cancelled.Store(true)
				return nil, &Error{Kind: KindUnavailable, given: true, Err: ctx.Err()}
			}
			time.Sleep(5 * time.Millisecond)
			return &Answer{Status: http.StatusOK}, nil
		}}
		started := time.Now()
		answer, err := newTestHedger(t, 1).hedge(upstream.do)(t.Context(), reading())
		if err != nil || answer.Status != http.StatusOK || time.Since(started) != 25*time.Millisecond {
			t.Errorf("answer %v, error %v after %s", answer, err, time.Since(started))
		}
		synctest.Wait()
		if !cancelled.Load() {
			t.Error("the first request goes on")
		}
	})
}

// TestHedgeNot: no second request where it is not safe, not allowed, not needed, or nothing is known yet.
func TestHedgeNot(t *testing.T) {
	t.Parallel()
	fresh := &hedger{HedgeConfig: HedgeConfig{Percentile: 0.95}, budget: &budget{share: 1}, observer: silent(t)}
	for name, test := range map[string]struct {
		hedger   *hedger
		exchange exchange
		takes    time.Duration
	}{
		"write":         {newTestHedger(t, 1), writing(), time.Second},
		"fast":          {newTestHedger(t, 1), reading(), 19 * time.Millisecond},
		"nothing known": {fresh, reading(), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) {
					time.Sleep(test.takes)
					return &Answer{Status: http.StatusOK}, nil
				}}
				if _, err := test.hedger.hedge(upstream.do)(t.Context(), test.exchange); err != nil || upstream.asked.Load() != 1 {
					t.Errorf("asked %d times, error %v", upstream.asked.Load(), err)
				}
			})
		})
	}
}

// TestHedgeBudget: with all requests slow, hedges are a share of them.
func TestHedgeBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) {
			time.Sleep(time.Second)
			return nil, unavailable()
		}}
		hedger := newTestHedger(t, 0.1)
		for range recentLatencies {
			hedger.budget.spend()
			go func() { _, _ = hedger.hedge(upstream.do)(t.Context(), reading()) }()
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if asked := upstream.asked.Load(); asked != recentLatencies+recentLatencies*2/10 {
			t.Errorf("asked %d times for %d calls", asked, recentLatencies)
		}
	})
}

// TestHedgeFails: if the first fails while the second is under way, the second decides.
func TestHedgeFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(_ context.Context, number int64) (*Answer, error) {
			time.Sleep(30 * time.Millisecond)
			if number == 1 {
				return nil, unavailable()
			}
			return &Answer{Status: http.StatusOK}, nil
		}}
		answer, err := newTestHedger(t, 1).hedge(upstream.do)(t.Context(), reading())
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("answer %v, error %v", answer, err)
		}
	})
}

// TestHedgeSent: a call of which one request has reached the upstream, or may have, is not one that never left, whatever the other
// says.
func TestHedgeSent(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]Error{
		"no connection":      {Kind: KindUnavailable, Unsent: true, Err: errTest},
		"refused here":       {Kind: KindOverloaded, Unsent: true, refused: true, Err: errTest},
		"not to be repeated": {Kind: KindCredentials, Unsent: true, Err: errTest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := fakeUpstream{answer: func(_ context.Context, number int64) (*Answer, error) {
					time.Sleep(30 * time.Millisecond)
					if number == 1 {
						return nil, unavailable()
					}
					failure := second
					return nil, &failure
				}}
				repeatable := writing()
				repeatable.Repeatable = true
				_, err := newTestHedger(t, 1).hedge(upstream.do)(t.Context(), repeatable)
				if failure, ok := errors.AsType[*Error](err); !ok || failure.Unsent || upstream.asked.Load() != 2 {
					t.Errorf("error = %#v, asked %d times", err, upstream.asked.Load())
				}
			})
		})
	}
}

// TestHedgeSentUnderWay: nor is it while the other request is under way.
func TestHedgeSentUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(ctx context.Context, number int64) (*Answer, error) {
			if number == 1 {
				<-ctx.Done()
				return nil, unavailable()
			}
			return nil, &Error{Kind: KindCredentials, Unsent: true, Err: errTest}
		}}
		_, err := newTestHedger(t, 1).hedge(upstream.do)(t.Context(), reading())
		if failure, ok := errors.AsType[*Error](err); !ok || failure.Unsent {
			t.Errorf("error = %#v", err)
		}
	})
}

// TestHedgePanics: a panic in one of two requests fails it alone, and not the process.
func TestHedgePanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := fakeUpstream{answer: func(context.Context, int64) (*Answer, error) { panic("a fault of ours") }}
		_, err := newTestHedger(t, 1).hedge(upstream.do)(t.Context(), reading())
		if kindOfError(err) != KindFailed || !strings.Contains(err.Error(), "a fault of ours") {
			t.Errorf("error = %v", err)
		}
	})
}
