// Package serving is for the HTTP server that all subjects without one of their own have: net/http's, over HTTP/1.1 and HTTP/2 in clear
// text, with the bounds that Sheaf's has.
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve answers with a handler until ctx ends.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: handler, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Connections are the most that subjects keep to the services: as many as there can be calls at once.
const Connections = 500

// NewClient is the HTTP client of subjects whose upstreams are fetched with net/http. It does not ask for
// compression.
func NewClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConns:        Connections,
		MaxIdleConnsPerHost: Connections,
		MaxConnsPerHost:     Connections,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}}
}
