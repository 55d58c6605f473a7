package upstreams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// parseProxy reads the URL of a proxy; nil for none.
func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	proxy, err := url.Parse(text)
	switch {
	case err != nil:
		// The error of url.Parse quotes the whole text, and with it a password.
		return nil, errors.New("proxy is no URL; write it as http://egress.internal:3128")
	case proxy.Scheme != "http" && proxy.Scheme != "https", proxy.Hostname() == "":
		return nil, errors.New("proxy is no http:// or https:// URL; write it as http://egress.internal:3128")
	case proxy.User != nil:
		return nil, errors.New("proxy holds a user or password; let it know this machine by its address")
	}
	return proxy, nil
}

// goThroughProxy sends requests through the proxy: those to https with CONNECT (RFC 9110, section 9.3.6), those to http as they
// are. The proxy is declared, so it may be anywhere. It resolves the upstream's name, so only an address can be judged here.
func (t *transports) goThroughProxy(transport *http.Transport) {
	transport.Proxy = func(request *http.Request) (*url.URL, error) {
		address, notAddress := netip.ParseAddr(request.URL.Hostname())
		if isAddress := notAddress == nil; !isAddress || t.config.Private {
			return t.proxy, nil
		}
		if kind := special(address); kind != "" {
			return nil, fmt.Errorf("%w: %s is %s", errRefusedAddress, address, kind)
		}
		return t.proxy, nil
	}
	transport.ProxyConnectHeader = http.Header{"User-Agent": {"sheaf"}}
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
		if response.StatusCode == http.StatusOK {
			return nil
		}
		return &proxyError{status: response.StatusCode}
	}
	if t.proxy.Scheme == "https" {
		transport.DialTLSContext = t.dialProxy(transport.DialContext)
	}
}

// dialProxy connects to a proxy over TLS. What is said of the upstream's name, its keys and who we are is not about the proxy;
// the authorities are.
func (t *transports) dialProxy(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	trust := &tls.Config{MinVersion: t.trust.MinVersion, RootCAs: t.trust.RootCAs, ServerName: t.proxy.Hostname()}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, tlsHandshake)
		defer cancel()
		connection := tls.Client(raw, trust)
		if err := connection.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error says more
			return nil, fmt.Errorf("connect to proxy: %w", err)
		}
		if tracing, ok := ctx.Value(tracingKey{}).(*tracing); ok {
			tracing.reached() // net/http tells of this handshake, too
		}
		return connection, nil
	}
}

// proxyError is that of a proxy that makes no connection.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("proxy answered CONNECT with %d", e.status) }

// mayPass reports whether the proxy may think better of it soon: what it forbids, it goes on forbidding.
func (e *proxyError) mayPass() bool {
	return e.status >= http.StatusInternalServerError || e.status == http.StatusTooManyRequests
}
