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

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// TestCoalescePanics: a panic while several wait for an answer fails their calls, and not the process.
func TestCoalescePanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(context.Context, exchange, int64) *Answer {
			time.Sleep(time.Second)
			panic("a fault of ours")
		}}
		do := cached(t, from, httpcache.Rules{})
		for range 3 {
			go func() {
				if _, err := do(t.Context(), asking("/things/1")); kindOfError(err) != KindFailed || !strings.Contains(err.Error(), "a fault of ours") {
					t.Errorf("error = %v", err)
				}
			}()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := from.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
	})
}

// TestCoalesceAfterChange: who asks after a change gets no answer that was asked for before it.
func TestCoalesceAfterChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var state atomic.Value
		state.Store("old")
		from := &origin{answer: func(_ context.Context, e exchange, _ int64) *Answer {
			if e.Method == http.MethodPut {
				state.Store("new")
				return answerWith(http.StatusOK, "")
			}
			now, _ := state.Load().(string)
			time.Sleep(10 * time.Second)
			return answerWith(http.StatusOK, now, "Cache-Control: max-age=60")
		}}
		do := cached(t, from, httpcache.Rules{})
		go func() { _ = bodyOf(t, do, asking("/things/1")) }()
		time.Sleep(time.Second)
		put := asking("/things/1")
		put.Method = http.MethodPut
		_ = bodyOf(t, do, put)
		if got := bodyOf(t, do, asking("/things/1")); got != "new" {
			t.Errorf("after the change got %s", got)
		}
		time.Sleep(time.Minute)
	})
}

// TestCoalesceEnds: a request that several wait for ends in time, whatever the upstream asks for: nobody waits an hour for the next
// try, and nobody who comes later is held up by it.
func TestCoalesceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
			if number == 1 {
				return answerWith(http.StatusServiceUnavailable, "", "Retry-After: 3600")
			}
			return answerWith(http.StatusOK, "well again", "Cache-Control: max-age=60")
		}}
		from.client = newTestClient(t)
		retrier := newTestRetrier(t, RetryConfig{Max: 3, Budget: 1})
		do := newTestCache(t, from.client, httpcache.Rules{}).keep(retrier.retry(from.do))
		started := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := do(ctx, asking("/things/1"))
		failure, ok := errors.AsType[*Error](err)
		if !ok || failure.RetryAfter != time.Hour || time.Since(started) > time.Second {
			t.Errorf("error %v after %s", err, time.Since(started))
		}
		if got := bodyOf(t, do, asking("/things/1")); got != "well again" {
			t.Errorf("later got %s", got)
		}
	})
}

// TestCoalesceHurry: one who has little time does not cut short the request of those who have more.
func TestCoalesceHurry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(ctx context.Context, _ exchange, _ int64) *Answer {
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
			}
			return answerWith(http.StatusOK, "x", "Cache-Control: max-age=60")
		}}
		do := cached(t, from, httpcache.Rules{})
		go func() {
			hurried := asking("/things/1")
			hurried.until = time.Now().Add(time.Second)
			if _, err := do(t.Context(), hurried); kindOfError(err) != KindTimeout {
				t.Errorf("error = %v", err)
			}
		}()
		time.Sleep(500 * time.Millisecond)
		if got := bodyOf(t, do, asking("/things/1")); got != "x" || from.asked.Load() != 1 {
			t.Errorf("got %s, asked %d times", got, from.asked.Load())
		}
	})
}

// TestCoalesceHangs: those who wait for an upstream that gives no answer do not all ask it again at once.
func TestCoalesceHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(context.Context, exchange, int64) *Answer {
			time.Sleep(time.Second)
			return nil
		}}
		do := cached(t, from, httpcache.Rules{})
		for range 100 {
			go func() { _ = bodyOf(t, do, asking("/things/1")) }()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := from.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
	})
}

// TestCoalesceErrors: an answer that says no tells nothing of the next one on the same route.
func TestCoalesceErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, e exchange, _ int64) *Answer {
			time.Sleep(time.Second)
			if e.Path == "/things/none" {
				return answerWith(http.StatusNotFound, "")
			}
			return answerWith(http.StatusOK, "x", "Cache-Control: max-age=60")
		}}
		do := cached(t, from, httpcache.Rules{})
		_ = bodyOf(t, do, asking("/things/none"))
		for range 10 {
			go func() { _ = bodyOf(t, do, asking("/things/1")) }()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := from.asked.Load(); got != 2 {
			t.Errorf("asked %d times", got)
		}
	})
}

// TestCacheStaleCallTimeout: what is kept does when the call's own time is up, too.
func TestCacheStaleCallTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(ctx context.Context, _ exchange, number int64) *Answer {
			if number > 1 {
				<-ctx.Done()
			}
			return answerWith(http.StatusOK, "1", "Cache-Control: max-age=1, stale-if-error=60")
		}}
		do := cached(t, from, httpcache.Rules{})
		_ = bodyOf(t, do, asking("/things/1"))
		time.Sleep(3 * time.Second)
		hurried := asking("/things/1")
		hurried.until = time.Now().Add(time.Second)
		if answer, err := do(t.Context(), hurried); body(answer, err) != "1" || !answer.Stale {
			t.Errorf("got %s", body(answer, err))
		}
	})
}

// TestCacheRefreshes: however many are given an old answer, one goroutine fetches the new one.
func TestCacheRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
			if number > 1 {
				time.Sleep(time.Second)
			}
			return answerWith(http.StatusOK, "x", "Cache-Control: max-age=1, stale-while-revalidate=60")
		}}
		client := newTestClient(t)
		from.client = client
		cache := newTestCache(t, client, httpcache.Rules{})
		do := cache.keep(from.do)
		_ = bodyOf(t, do, asking("/things/1"))
		time.Sleep(3 * time.Second)
		for range 100 {
			_ = bodyOf(t, do, asking("/things/1"))
			synctest.Wait()
		}
		if got := cache.coalescer.waiting(t); got != 1 {
			t.Errorf("%d wait for a new answer that nobody has asked for", got)
		}
		time.Sleep(5 * time.Second)
	})
}

// TestCacheCloses: a cache may be closed while answers are given from it; then nothing goes on behind them.
func TestCacheCloses(t *testing.T) {
	t.Parallel()
	for range 100 {
		from := says("Cache-Control: max-age=0, stale-while-revalidate=60")
		from.client = newTestClient(t)
		cache := newTestCache(t, from.client, httpcache.Rules{})
		do := cache.keep(from.do)
		_ = bodyOf(t, do, asking("/things/1"))
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			for range 10 {
				_ = bodyOf(t, do, asking("/things/1"))
			}
		}()
		cache.close()
		<-asked
		settled := from.asked.Load()
		if got := bodyOf(t, do, asking("/things/1")); got == "" || from.asked.Load() != settled {
			t.Errorf("got %q, asked %d times after the end", got, from.asked.Load()-settled)
		}
	}
}

// waiting is how many wait for requests under way.
func (c *coalescer) waiting(t *testing.T) int {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, one := range c.flights {
		total += one.waiting
	}
	return total
}
