package upstreams

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// hedger makes a request a second time if the first has not been answered for longer than most are, and takes what comes first.
// ("The Tail at Scale", Dean and Barroso 2013.)
type hedger struct {
	HedgeConfig
	upstream  string
	budget    *budget
	observer  *observer
	latencies latencies
}

// outcome is what became of one of two requests.
type outcome struct {
	answer *Answer
	err    error
}

// hedge is next where it is not safe to repeat the request, or not known yet how long requests take.
func (h *hedger) hedge(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		wait, known := h.latencies.percentile(h.Percentile)
		if !known || !exchange.isRepeatable() {
			return h.timed(ctx, exchange, next)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // of whichever is too late
		outcomes := make(chan outcome, 2)
		begin := func() { outcomes <- h.outcome(ctx, exchange, next) }
		go begin()
		timer := time.NewTimer(max(wait, h.MinWait))
		defer timer.Stop()
		two := pair{underWay: 1}
		for {
			select {
			case <-timer.C:
				if h.budget.repeat() {
					h.observer.hedged(ctx, exchange.Request)
					two.underWay++
					go begin()
				}
			case got := <-outcomes:
				if two.decides(got) {
					return got.answer, got.err
				}
			}
		}
	}
}

// pair is what is known of two requests of which one is enough.
type pair struct {
	underWay int
	// sent is set if one that has failed had been sent.
	sent bool
}

// decides reports whether the outcome of one request is that of the call. A call is unsent only if nothing of it has been sent, and
// nobody knows how far a request under way has come.
func (p *pair) decides(got outcome) bool {
	p.underWay--
	failure, failed := errors.AsType[*Error](got.err)
	if !failed {
		return true
	}
	p.sent = p.sent || !failure.Unsent
	failure.Unsent = !p.sent && p.underWay == 0
	return p.underWay == 0 || !failure.Retryable()
}

// outcome is what becomes of one of two requests. It runs in a goroutine of its own.
func (h *hedger) outcome(ctx context.Context, exchange exchange, next call) (got outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			got = outcome{err: panicked(h.upstream, cause)}
		}
	}()
	got.answer, got.err = h.timed(ctx, exchange, next)
	return got
}

// timed makes the request, and notes how long it took if it was answered.
func (h *hedger) timed(ctx context.Context, exchange exchange, next call) (*Answer, error) {
	started := time.Now()
	answer, err := next(ctx, exchange)
	if err == nil {
		h.latencies.add(time.Since(started))
	}
	return answer, err
}

// latencies are those of the last requests that were answered.
type latencies struct {
	mu     sync.Mutex
	recent [recentLatencies]time.Duration
	added  int
	// sorted are the recent ones as they were when the last sortEvery had been added.
	sorted []time.Duration
}

const (
	recentLatencies = 256
	sortEvery       = 16
)

func (l *latencies) add(latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent[l.added%recentLatencies] = latency
	l.added++
	if l.added%sortEvery == 0 {
		l.sorted = append(l.sorted[:0], l.recent[:min(l.added, recentLatencies)]...)
		slices.Sort(l.sorted)
	}
}

// percentile is the time within which a share of the recent requests was answered; false if that is not known yet.
func (l *latencies) percentile(share float64) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sorted) == 0 {
		return 0, false
	}
	return l.sorted[min(int(share*float64(len(l.sorted))), len(l.sorted)-1)], true
}
