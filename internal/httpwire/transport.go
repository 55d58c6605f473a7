// Package httpwire is for speaking HTTP/1.1 without TLS and without goroutines of its own: an exchange is made by who asks for it, and
// only to dial, and to send a long body, is there another goroutine. It exists for what net/http's client costs, which has two for each
// connection. Heads of the most usual form it reads itself; all else that decides where an answer ends is left to net/http's reader.
package httpwire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Config says how connections are made and kept.
type Config struct {
	// Dial connects to host:port. Its context ends if nobody waits for the connection any more.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxConnections bounds the connections to each address, and those to all addresses that are kept idle.
	MaxConnections int
	// IdleTimeout is how long a connection is kept idle.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds what comes before the body of an answer, with all informational answers before it.
	MaxHeaderBytes int64
}

// Transport makes exchanges, and keeps connections for the next ones. It is safe for concurrent use.
type Transport struct {
	config Config
	pool   pool
}

// Sending is asked and told about a request on its way.
type Sending interface {
	// Connected is called when there is a connection for the request.
	Connected()
	// MayRepeat is called when a connection that was kept broke before anything of an answer came. written says whether some of the
	// request may have arrived.
	MayRepeat(written bool) bool
}

// New creates a transport. Every field of the config must be set.
func New(config Config) *Transport {
	return &Transport{config: config, pool: pool{config: config, hosts: map[string]*host{}}}
}

// Close closes the connections that are idle, and from now on each one that is no longer in use. It ends no exchange.
func (t *Transport) Close() { t.pool.close() }

// RoundTrip makes an exchange, as http.RoundTripper says. Of requests whose kept connection broke it sends GET and HEAD again, and those of
// which nothing was sent.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	return t.Exchange(request.Context(), request, time.Time{}, safely(request.Method))
}

// safely sends requests again whose method is safe to repeat.
type safely string

func (safely) Connected() {}

func (s safely) MayRepeat(written bool) bool {
	return !written || s == http.MethodGet || s == http.MethodHead
}

// Exchange makes an exchange, as http.RoundTripper says. The request's URL must begin with http:// and its body must have the length that
// it declares. Where it must be sent again, since the connection broke, its body must be short, or GetBody be set. The answer's
// body is for one goroutine at a time. The request's own context does not count, but ctx: when it ends, the error, also that of the body, is
// its cause. After until, a deadline besides its own, or zero for none, the error is context.DeadlineExceeded. A request without a body may be
// used again once Exchange has failed, or the answer's body is closed.
func (t *Transport) Exchange(ctx context.Context, request *http.Request, until time.Time, sending Sending) (*http.Response, error) {
	message, err := newMessage(ctx, request, until)
	if err != nil {
		return nil, err
	}
	defer message.close()
	response, err := t.once(message, sending, false)
	broken, stale := errors.AsType[*staleError](err)
	if !stale {
		return response, err
	}
	if !sending.MayRepeat(broken.written) || message.rewind() != nil {
		return nil, broken.err
	}
	response, err = t.once(message, sending, true)
	if broken, stale = errors.AsType[*staleError](err); stale {
		err = broken.err
	}
	return response, err
}

// once sends a request on a connection; on one that is new, if a kept one has just broken.
func (t *Transport) once(message *message, sending Sending, fresh bool) (*http.Response, error) {
	if message.ctx.Err() != nil {
		return nil, context.Cause(message.ctx)
	}
	connection, err := t.pool.get(message, fresh)
	if err != nil {
		return nil, err
	}
	sending.Connected()
	return connection.exchange(message)
}

// staleError is that of a kept connection that broke before anything of an answer came.
type staleError struct {
	err     error
	written bool
}

func (e *staleError) Error() string { return e.err.Error() }

func (e *staleError) Unwrap() error { return e.err }

// errTooLong is that of an answer with too much before its body.
type errTooLong struct{ bound int64 }

func (e errTooLong) Error() string {
	return fmt.Sprintf("header is longer than the bound of %d bytes", e.bound)
}
