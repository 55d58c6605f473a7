package upstreams

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpwire"
)

const (
	// dialTimeout and tlsHandshake bound what goes on after a request has given up: the transport goes on connecting, for the next
	// one. The request itself waits no longer than its attempt may take, which bounds the answer's header, too.
	dialTimeout  = 5 * time.Second
	tlsHandshake = 5 * time.Second
	idleTimeout  = 90 * time.Second
	maxHeader    = 64 << 10
	// A connection of HTTP/2 outlives the requests on it that time out. One on which nothing arrives is asked whether it is alive, and
	// given up if it says nothing: without this only a request that is cancelled asks, and all wait on it meanwhile.
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
)

// transports makes the connection pools of an upstream.
type transports struct {
	config *Config
	proxy  *url.URL // nil for none
	trust  *tls.Config
}

func newTransports(config *Config) (*transports, error) {
	proxy, err := parseProxy(config.Proxy)
	switch {
	case err != nil:
		return nil, err
	case proxy != nil && config.Balance != nil:
		return nil, errors.New("upstream has a proxy and balance; behind a proxy, it is the proxy that chooses an address")
	case config.TLS != nil && strings.HasPrefix(config.BaseURL, "http:"):
		return nil, errors.New("upstream has tls and a base_url with http://; write https://")
	}
	return &transports{config: config, proxy: proxy, trust: newTrust(config.TLS)}, nil
}

// transport holds the connections to an address. Plain HTTP/1.1 has a client of our own, which costs less; all else is net/http's.
type transport struct {
	// plain is for http:// without a proxy; nil with one.
	plain    *httpwire.Transport
	standard *http.Transport
}

// send sends a request for the attempt whose context is sending's; the request's own does not count. It may be sent again if sending says
// so. Over plain HTTP/1.1 the attempt also ends at until; for all else the context must have that deadline.
func (t *transport) send(request *http.Request, until time.Time, sending *sending) (*http.Response, error) {
	if t.isPlain(request.URL) {
		return t.plain.Exchange(sending.ctx, request, until, sending)
	}
	tracing := sending.trace(request.URL.Scheme == "https")
	response, err := t.standard.RoundTrip(request.WithContext(tracing.context()))
	tracing.answered.Store(err == nil)
	return response, err
}

// RoundTrip sends a request that is not a call's.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if t.isPlain(request.URL) {
		return t.plain.RoundTrip(request)
	}
	return t.standard.RoundTrip(request)
}

func (t *transport) isPlain(target *url.URL) bool { return t.plain != nil && target.Scheme == "http" }

// close closes idle connections.
func (t *transport) close() {
	if t.plain != nil {
		t.plain.Close()
	}
	t.standard.CloseIdleConnections()
}

// to makes a transport to an address; to that of each request's URL if it is empty. It follows no redirects, since only clients do that,
// and it ignores proxies of the environment: where a call goes is declared, nowhere else. Only an upstream that says so may have an
// address that is not public.
func (t *transports) to(address string) *transport {
	dialing := t.newDialer().DialContext
	if address != "" {
		next := dialing
		dialing = func(ctx context.Context, network, _ string) (net.Conn, error) { return next(ctx, network, address) }
	}
	made := &transport{standard: t.newStandard(dialing)}
	if t.proxy == nil {
		made.plain = newPlain(t.config, dialing)
	}
	return made
}

// dialFunc connects to an address.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func newPlain(config *Config, dialing dialFunc) *httpwire.Transport {
	return httpwire.New(httpwire.Config{Dial: dialing, MaxConnections: config.MaxConnections, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader})
}

func (t *transports) newStandard(dialing dialFunc) *http.Transport {
	transport := &http.Transport{
		Proxy:           nil,
		DialContext:     dial(dialing),
		TLSClientConfig: t.trust.Clone(), // the transport adds to it
		// Without this, a dialler of our own would mean HTTP/1.1.
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		TLSHandshakeTimeout:    tlsHandshake,
		MaxConnsPerHost:        t.config.MaxConnections,
		MaxIdleConns:           t.config.MaxConnections,
		MaxIdleConnsPerHost:    t.config.MaxConnections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
	if t.proxy != nil {
		t.goThroughProxy(transport)
	}
	return transport
}

func (t *transports) newDialer() *net.Dialer {
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: t.config.Resolver}
	if !t.config.Private && t.proxy == nil {
		dialer.ControlContext = guardPublic
	}
	return dialer
}
