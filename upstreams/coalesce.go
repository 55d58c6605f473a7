package upstreams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// coalescer lets calls that ask the same at the same time share one request. The request ends when the last of them has given
// up.
type coalescer struct {
	upstream string

	mu      sync.Mutex
	flights map[string]*flight // those that can be joined
}

// fetched is what a request got, and whether that may be given to others.
type fetched struct {
	outcome
	shareable bool
}

// flight is a request that calls share.
type flight struct {
	fetched
	path, query string
	done        chan struct{}
	waiting     int
	cancel      context.CancelFunc
}

// share makes fetch the request of all who ask the same until it has ended. first is set for the one who began it.
func (c *coalescer) share(ctx context.Context, asked lookup, fetch func(context.Context) fetched) (_ fetched, first bool) {
	shared, first := c.join(ctx, asked, fetch)
	waitCtx, exchange := ctx, asked.exchange
	if !exchange.until.IsZero() {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithDeadline(ctx, exchange.until)
		defer cancel()
	}
	select {
	case <-shared.done:
		return shared.fetched, first
	case <-waitCtx.Done():
		c.leave(asked.key, shared)
		return fetched{outcome: outcome{err: c.gaveUp(waitCtx, exchange)}, shareable: true}, first
	}
}

// join begins a flight, or joins the one under way.
func (c *coalescer) join(ctx context.Context, asked lookup, fetch func(context.Context) fetched) (_ *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared := c.flights[asked.key]; shared != nil {
		shared.waiting++
		return shared, false
	}
	flightCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := &flight{path: asked.exchange.Path, query: asked.exchange.Query, done: make(chan struct{}), waiting: 1, cancel: cancel}
	c.flights[asked.key] = started
	go func() {
		defer cancel()
		defer c.land(asked.key, started)
		defer func() {
			if cause := recover(); cause != nil {
				started.fetched = fetched{outcome: outcome{err: panicked(c.upstream, cause)}, shareable: true}
			}
		}()
		started.fetched = fetch(flightCtx)
	}()
	return started, true
}

func (c *coalescer) land(key string, landed *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] == landed {
		delete(c.flights, key)
	}
	close(landed.done)
}

// leave ends a flight that nobody waits for any more.
func (c *coalescer) leave(key string, left *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left.waiting--; left.waiting == 0 {
		left.cancel()
		if c.flights[key] == left { // who comes now needs one of their own
			delete(c.flights, key)
		}
	}
}

// isUnderWay reports whether there is a flight to join.
func (c *coalescer) isUnderWay(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flights[key] != nil
}

// forget keeps those who come from now on away from the flights that ask for a URL.
func (c *coalescer) forget(path, query string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.flights, func(_ string, one *flight) bool { return one.path == path && one.query == query })
}

// gaveUp is the error of a call whose time was up while it waited for a shared answer.
func (c *coalescer) gaveUp(ctx context.Context, exchange exchange) *Error {
	kind := KindTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = KindUnavailable
	}
	return &Error{Upstream: c.upstream, Call: exchange.Name, Kind: kind, given: true, Err: fmt.Errorf("caller gave up on an answer that several wait for: %w", ctx.Err())}
}
