package httpwire

import "time"

// evict closes the connection of an address that is idle for longest.
func (p *pool) evict(from *host) {
	_ = from.idle[0].Close() // it is of no use any more
	from.idle = append(from.idle[:0], from.idle[1:]...)
	p.idle--
	p.gone(from)
}

// longestIdle is the address with the connection that is idle for longest; there must be one.
func (p *pool) longestIdle() *host {
	var found *host
	for _, one := range p.hosts {
		if len(one.idle) > 0 && (found == nil || one.idle[0].idleSince.Before(found.idle[0].idleSince)) {
			found = one
		}
	}
	return found
}

// closeOld closes the connections that are idle for too long, and comes again when the next one is.
func (p *pool) closeOld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.idle > 0 && !p.closed {
		oldest := p.longestIdle()
		if left := p.config.IdleTimeout - time.Since(oldest.idle[0].idleSince); left > 0 {
			p.sweep.Reset(left)
			return
		}
		p.evict(oldest)
	}
	p.sweep = nil
}

// close closes what is idle, and keeps nothing any more.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	for p.idle > 0 {
		p.evict(p.longestIdle())
	}
}
