package httpwire

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps connections, and bounds them.
type pool struct {
	config Config

	mu    sync.Mutex
	hosts map[string]*host
	// idle counts the connections that nobody uses.
	idle int
	// sweep closes those that are idle for too long; nil if it is not due.
	sweep  *time.Timer
	closed bool
}

// host is an address, as host:port, with its connections.
type host struct {
	address string
	// open counts all connections, with those that are being dialed.
	open int
	// idle are those that nobody uses; the last one was used last.
	idle []*connection
	// waiting are those who wait for a connection; the first one came first.
	waiting []*waiter
}

// waiter waits for a connection: for a dial of its own, where there may be one more, or for what others leave, whichever comes first.
type waiter struct {
	ctx  context.Context
	host *host
	// given gets a connection, or why there is none, once.
	given chan grant
	// abandon ends the dial of its own; nil if there is none.
	abandon context.CancelFunc
}

// grant is a connection, or the error of the dial.
type grant struct {
	connection *connection
	err        error
}

// get takes the connection that was used last, dials, or waits until one is left; one that was used is wanted only if it is not to
// be fresh. The error is that of the dial, or why the message has no time left. Reads and writes end with that.
func (p *pool) get(message *message, fresh bool) (*connection, error) {
	for {
		if message.isLate() { // no connection would look alive to it
			return nil, context.DeadlineExceeded
		}
		connection, waiting := p.take(message, fresh)
		if connection == nil {
			var err error
			if connection, err = p.wait(message, waiting); err != nil {
				return nil, err
			}
		}
		_ = connection.SetDeadline(message.until) // if that fails, it is closed
		if !connection.reused || connection.isAlive() {
			return connection, nil
		}
		p.drop(connection)
	}
}

// take takes an idle connection, or joins those who wait.
func (p *pool) take(message *message, fresh bool) (*connection, *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.hosts[message.address]
	if to == nil {
		to = &host{address: message.address}
		p.hosts[message.address] = to
	}
	if last := len(to.idle) - 1; last >= 0 && !fresh {
		connection := to.idle[last]
		to.idle[last] = nil
		to.idle = to.idle[:last]
		p.idle--
		return connection, nil
	}
	if len(to.idle) > 0 && to.open >= p.config.MaxConnections {
		p.evict(to)
	}
	joined := &waiter{ctx: message.ctx, host: to, given: make(chan grant, 1)}
	to.waiting = append(to.waiting, joined)
	p.dialFor(to)
	return nil, joined
}

// wait waits for a grant.
func (p *pool) wait(message *message, joined *waiter) (*connection, error) {
	var late <-chan time.Time
	if !message.until.IsZero() {
		timer := time.NewTimer(time.Until(message.until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case got := <-joined.given:
		return got.connection, got.err
	case <-message.ctx.Done():
		p.leave(joined)
		return nil, context.Cause(message.ctx)
	case <-late:
		p.leave(joined)
		return nil, context.DeadlineExceeded
	}
}

// leave gives up waiting. A connection that has been given at the same moment goes to the next one.
func (p *pool) leave(leaving *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !leaving.host.remove(leaving) {
		if got := <-leaving.given; got.connection != nil {
			p.offer(got.connection)
		}
		return
	}
	if leaving.abandon != nil {
		leaving.abandon()
	}
	p.forget(leaving.host)
}

// put gives back a connection that may be used again.
func (p *pool) put(connection *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	connection.reused = true
	p.offer(connection)
}

// drop closes a connection.
func (p *pool) drop(connection *connection) {
	_ = connection.Close() // it is of no use any more
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone(connection.host)
}

// gone counts a connection less, which may make room for those who wait. The lock is held here, and below.
func (p *pool) gone(from *host) {
	from.open--
	p.dialFor(from)
	p.forget(from)
}

// offer gives a connection to who has waited longest, or keeps it.
func (p *pool) offer(connection *connection) {
	to := connection.host
	switch {
	case len(to.waiting) > 0:
		first := to.waiting[0]
		to.remove(first)
		first.given <- grant{connection: connection}
	case p.closed:
		_ = connection.Close() // it is not kept
		p.gone(to)
	default:
		connection.reused, connection.idleSince = true, time.Now()
		to.idle = append(to.idle, connection)
		p.idle++
		if p.idle > p.config.MaxConnections {
			p.evict(p.longestIdle())
		}
		if p.sweep == nil {
			p.sweep = time.AfterFunc(p.config.IdleTimeout, p.closeOld)
		}
	}
}

// dialFor dials for the first of those who wait without a dial of their own, if there may be one more connection.
func (p *pool) dialFor(to *host) {
	for _, one := range to.waiting {
		if to.open >= p.config.MaxConnections {
			return
		}
		if one.abandon == nil {
			to.open++
			ctx, cancel := context.WithCancel(context.WithoutCancel(one.ctx))
			one.abandon = cancel
			go p.dial(ctx, one)
		}
	}
}

// dial connects, for the one whose dial it is, or for others if that one has been served. If that one has left, nothing is left behind.
func (p *pool) dial(ctx context.Context, own *waiter) {
	raw, err := p.config.Dial(ctx, "tcp", own.host.address)
	if err == nil && ctx.Err() != nil {
		_ = raw.Close() // nobody wants it
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	own.abandon()
	own.abandon = nil
	waits := own.host.remove(own)
	if err != nil {
		if waits {
			own.given <- grant{err: err}
		}
		p.gone(own.host)
		return
	}
	if made := newConnection(p, own.host, raw); waits {
		own.given <- grant{connection: made}
	} else {
		p.offer(made)
	}
}

// remove takes somebody from those who wait; false if that has been done.
func (h *host) remove(leaving *waiter) bool {
	at := slices.Index(h.waiting, leaving)
	if at < 0 {
		return false
	}
	h.waiting = slices.Delete(h.waiting, at, at+1)
	return true
}

// forget drops what is known of an address without connections.
func (p *pool) forget(one *host) {
	if one.open == 0 && len(one.waiting) == 0 {
		delete(p.hosts, one.address)
	}
}
