package upstreams

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// coalescer lets calls that ask the same at the same time share one request. The request ends when the last of them has given
// up.
type coalescer struct {
	mu      sync.Mutex
	flights map[string]*flight
}

// fetched is what a request got, and whether that may be given to others.
type fetched struct {
	outcome
	keepable bool
}

// flight is a request that calls share.
type flight struct {
	fetched
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
}

// share makes fetch the request of all who share a key until it has ended. first is set for the one who began it.
func (c *coalescer) share(ctx context.Context, key string, exchange exchange, fetch func(context.Context) fetched) (_ fetched, first bool) {
	shared, first := c.join(ctx, key, fetch)
	waitCtx := ctx
	if !exchange.until.IsZero() {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithDeadline(ctx, exchange.until)
		defer cancel()
	}
	select {
	case <-shared.done:
		return shared.fetched, first
	case <-waitCtx.Done():
		c.leave(key, shared)
		return fetched{outcome: outcome{err: gaveUp(waitCtx, exchange)}, keepable: true}, first
	}
}

// join begins a flight, or joins the one under way.
func (c *coalescer) join(ctx context.Context, key string, fetch func(context.Context) fetched) (_ *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared := c.flights[key]; shared != nil {
		shared.waiting++
		return shared, false
	}
	flightCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := &flight{done: make(chan struct{}), waiting: 1, cancel: cancel}
	c.flights[key] = started
	go func() {
		defer cancel()
		defer c.land(key, started)
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

// gaveUp is the error of a call whose time was up while it waited for a shared answer.
func gaveUp(ctx context.Context, exchange exchange) *Error {
	kind := KindTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = KindUnavailable
	}
	return &Error{Call: exchange.Name, Kind: kind, given: true, Err: fmt.Errorf("caller gave up on an answer that several wait for: %w", ctx.Err())}
}
