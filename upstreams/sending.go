package upstreams

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// sending is a request on its way to the wire. It bounds what net/http does by itself: repeating a request whose connection broke, and
// dialing on for whoever may need a connection next.
type sending struct {
	// ctx is the attempt's; abandon ends it.
	ctx     context.Context
	abandon context.CancelCauseFunc
	// repeatable says whether the upstream takes the request twice as once, and mayRepeat counts a repetition, if there is one left.
	repeatable bool
	mayRepeat  func() bool
	// secure says that a connection is not good for anything before its TLS handshake.
	secure bool
	// connected is set when there was a connection for the request, wrote when some of it may have been sent, answered when dials that
	// are still going on are no longer its own.
	connected, wrote, answered atomic.Bool

	mu sync.Mutex
	// handshaking release the connections whose TLS handshakes end with the attempt.
	handshaking []func() bool
	// proxies counts the handshakes whose ends are still to be told, and are only those with a proxy.
	proxies int
}

// errNotRepeated is that of a connection that broke under a request that must not be sent again.
var errNotRepeated = errors.New("connection broke, and the request is not sent again")

type sendingKey struct{}

// trace is the attempt's context, by which net/http reports what it does.
func (s *sending) trace() context.Context {
	return httptrace.WithClientTrace(context.WithValue(s.ctx, sendingKey{}, s), &httptrace.ClientTrace{
		GotConn:          s.gotConn,
		WroteHeaders:     func() { s.wrote.Store(true) },
		TLSHandshakeDone: func(tls.ConnectionState, error) { s.release() },
	})
}

// gotConn is told of each connection that the request gets: the second is for a repetition.
func (s *sending) gotConn(info httptrace.GotConnInfo) {
	if !s.connected.Swap(true) || !s.wrote.Load() {
		return
	}
	// Over HTTP/1.1 net/http repeats a write only if none of it was sent. Over HTTP/2 it repeats any request that the upstream
	// reset with PROTOCOL_ERROR, which says nothing of whether it was carried out.
	multiplexed := speaksHTTP2(info.Conn)
	if (s.repeatable || !multiplexed) && s.mayRepeat() {
		return
	}
	s.abandon(errNotRepeated)
	if !multiplexed {
		_ = info.Conn.Close() // net/http would write before it looks at the context
	}
}

func speaksHTTP2(connection net.Conn) bool {
	secure, ok := connection.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// dial is a function for http.Transport, which dials without the attempt's end.
func dial(dialer *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		sending, ok := ctx.Value(sendingKey{}).(*sending)
		if !ok {
			return dialer.DialContext(ctx, network, address)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer sending.onEnd(cancel)()
		connection, err := dialer.DialContext(ctx, network, address)
		if err == nil && sending.secure {
			sending.hold(connection)
		}
		return connection, err
	}
}

// onEnd calls a function when the attempt ends without an answer, until it is released.
func (s *sending) onEnd(do func()) (release func() bool) {
	return context.AfterFunc(s.ctx, func() {
		if !s.answered.Load() {
			do()
		}
	})
}

// hold closes a connection whose handshake the attempt does not wait for to end.
func (s *sending) hold(connection net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshaking = append(s.handshaking, s.onEnd(func() { _ = connection.Close() }))
}

// reached notes that a connection has come to a proxy over TLS, through which the handshake with the upstream goes.
func (s *sending) reached() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proxies++
}

// release lets go of connections when a handshake has ended.
func (s *sending) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proxies > 0 {
		s.proxies--
		return
	}
	for _, release := range s.handshaking {
		release()
	}
	s.handshaking = nil
}

// sending begins an attempt to send a request to an address.
func (b *base) sending(ctx context.Context, request *Request) *sending {
	ctx, abandon := context.WithCancelCause(ctx)
	return &sending{ctx: ctx, abandon: abandon, repeatable: request.isRepeatable(), secure: b.url.Scheme == "https", mayRepeat: func() bool {
		may := b.budget.repeat()
		if may {
			b.observer.resent(ctx)
		}
		return may
	}}
}
