package upstreams

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// tracing is a request on its way to the wire by net/http, which besides repeating it dials on for whoever may need a connection next.
type tracing struct {
	*sending

	// ctx is the attempt's; abandon ends it.
	ctx     context.Context
	abandon context.CancelCauseFunc
	// secure says that a connection is not good for anything before its TLS handshake.
	secure bool
	// wrote is set when some of the request may have been sent, answered when dials that are still going on are no longer its own.
	wrote, answered atomic.Bool

	mu sync.Mutex
	// handshaking are the connections whose TLS handshakes end with the attempt.
	handshaking []*handshake
	// proxies counts the handshakes whose ends are still to be told, and are only those with a proxy.
	proxies int
}

// errNotRepeated is that of a connection that broke under a request that must not be sent again.
var errNotRepeated = errors.New("connection broke, and the request is not sent again")

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0) //nolint:gochecknoglobals // a constant, but for the language

type tracingKey struct{}

// trace makes net/http report what it does; secure says whether it is to use TLS.
func (s *sending) trace(secure bool) *tracing {
	ctx, abandon := context.WithCancelCause(s.ctx)
	return &tracing{sending: s, ctx: ctx, abandon: abandon, secure: secure}
}

// context is the attempt's context, by which net/http reports what it does.
func (t *tracing) context() context.Context {
	return httptrace.WithClientTrace(context.WithValue(t.ctx, tracingKey{}, t), &httptrace.ClientTrace{
		GotConn:          t.gotConn,
		WroteHeaders:     func() { t.wrote.Store(true) },
		TLSHandshakeDone: func(tls.ConnectionState, error) { t.release() },
	})
}

// gotConn is told of each connection that the request gets: the second is for a repetition.
func (t *tracing) gotConn(info httptrace.GotConnInfo) {
	if !t.connected.Swap(true) || !t.wrote.Load() {
		return
	}
	// Over HTTP/1.1 net/http repeats a write only if none of it was sent. Over HTTP/2 it repeats any request that the upstream
	// reset with PROTOCOL_ERROR, which says nothing of whether it was carried out.
	multiplexed := speaksHTTP2(info.Conn)
	if (t.repeatable || !multiplexed) && t.repeat() {
		return
	}
	t.abandon(errNotRepeated)
	if !multiplexed {
		_ = info.Conn.Close() // net/http would write before it looks at the context
	}
}

func speaksHTTP2(connection net.Conn) bool {
	secure, ok := connection.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// dial is a function for http.Transport, which dials without the attempt's end.
func dial(next dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		tracing, ok := ctx.Value(tracingKey{}).(*tracing)
		if !ok {
			return next(ctx, network, address)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer tracing.onEnd(cancel)()
		connection, err := next(ctx, network, address)
		if err == nil && tracing.secure {
			tracing.hold(connection)
		}
		return connection, err
	}
}

// onEnd calls a function when the attempt ends without an answer, until it is released.
func (t *tracing) onEnd(do func()) (release func() bool) {
	return context.AfterFunc(t.ctx, func() {
		if !t.answered.Load() {
			do()
		}
	})
}

// handshake is a TLS handshake under way.
type handshake struct {
	connection net.Conn
	release    func() bool
	// over is set when it has ended, and interrupted when its attempt had ended before.
	over, interrupted bool
}

// hold ends the handshake of a connection with the attempt. It does not close the connection: when the attempt ends, the handshake may just
// have been done, and others be waiting for the connection.
func (t *tracing) hold(connection net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := &handshake{connection: connection}
	held.release = t.onEnd(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !held.over {
			held.interrupted = true
			_ = connection.SetDeadline(aLongTimeAgo) // if that fails, it is closed
		}
	})
	t.handshaking = append(t.handshaking, held)
}

// reached notes that a connection has come to a proxy over TLS, through which the handshake with the upstream goes.
func (t *tracing) reached() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proxies++
}

// release lets go of connections when a handshake has ended.
func (t *tracing) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.proxies > 0 {
		t.proxies--
		return
	}
	for _, held := range t.handshaking {
		held.over = true
		if held.release(); held.interrupted {
			_ = held.connection.SetDeadline(time.Time{}) // net/http closes it if the handshake has failed
		}
	}
	t.handshaking = nil
}
