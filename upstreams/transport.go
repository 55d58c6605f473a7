package upstreams

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// newTransport is a connection pool of the upstream's own. It follows no redirects, since only clients do that, and it
// ignores proxies of the environment: where a call goes is declared, nowhere else. Only an upstream that says so may have an
// address that is not public.
func newTransport(config *Config) *http.Transport {
	const (
		idleTimeout  = 90 * time.Second
		maxHeader    = 64 << 10
		tlsHandshake = 5 * time.Second
	)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dial(newDialer(config)),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsHandshake,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        config.MaxConnections,
		MaxIdleConns:           config.MaxConnections,
		MaxIdleConnsPerHost:    config.MaxConnections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

func newDialer(config *Config) *net.Dialer {
	const timeout = 5 * time.Second
	dialer := &net.Dialer{Timeout: timeout, Resolver: config.Resolver}
	if !config.Private {
		dialer.ControlContext = guardPublic
	}
	return dialer
}
