package bff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve answers clients on a listener until ctx ends: over TLS if sheaf.yaml says so, and otherwise over HTTP/1.1 and HTTP/2 in clear
// text. It then says over health that it does not serve any more, takes no new RPCs, and waits for those in flight within the project's
// drain_timeout. The error is nil if all of them ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, s.health.stop)
	defer stop()
	return s.serve(ctx, &acceptor{listener, s, public}, s.Handler())
}

// ServeInternal answers on the internal listener, as Serve does clients.
func (s *Server) ServeInternal(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, s.internalHealth.stop)
	defer stop()
	return s.serve(ctx, &acceptor{listener, s, internal}, s.InternalHandler())
}

// serve answers with a handler until ctx ends, and then drains.
func (s *Server) serve(ctx context.Context, listener *acceptor, handler http.Handler) error {
	server := s.httpServer(listener.stillTrusted(handler))
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(server, failed)
}

// httpServer bounds what one connection can ask for, and for how long. Streams that are opened and reset in a row count until their
// handlers end, and too many of them end the connection.
func (s *Server) httpServer(handler http.Handler) *http.Server {
	const (
		readHeaderTimeout = 10 * time.Second
		idleTimeout       = 2 * time.Minute
		maxHeader         = 64 << 10
		maxStreams        = 250
		stalled           = 30 * time.Second // how long a client may take nothing of what is sent
		quiet             = time.Minute      // how long it may send nothing before it is asked whether it is there
	)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: handler, Protocols: protocols,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: stalled, SendPingTimeout: quiet, PingTimeout: stalled},
		// A body may take as long as the longest RPC, and no longer: whoever trickles it holds a connection.
		ReadTimeout: readHeaderTimeout + s.started.MaxTimeout,
	}
}

// drain waits for RPCs in flight, and then ends those that are left.
func (s *Server) drain(server *http.Server, failed <-chan error) error {
	wait := s.current.Load().plan.Server.DrainTimeout
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain: RPCs were still in flight after %s", wait), server.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve: %w", served))
	}
	return err
}
