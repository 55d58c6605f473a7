package pretend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Started is a shop whose services listen on loopback.
type Started struct {
	// Addresses are the services' base URLs by name.
	Addresses map[string]string
	servers   []*http.Server
}

// Start makes every service listen on a free port of 127.0.0.1.
func (s *Shop) Start(ctx context.Context) (*Started, error) {
	started := &Started{Addresses: map[string]string{}}
	for _, name := range Names() {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), started.Close())
		}
		server := &http.Server{Handler: s.Handler(name), ReadHeaderTimeout: 5 * time.Second}
		started.servers = append(started.servers, server)
		started.Addresses[name] = "http://" + listener.Addr().String()
		go func() { _ = server.Serve(listener) }() // ends with ErrServerClosed
	}
	return started, nil
}

// LookupEnv gives the variables that the example's sheaf.yaml reads.
func (s *Started) LookupEnv(name string) (string, bool) {
	if name == "STOCK_TOKEN" {
		return Token, true
	}
	address, ok := s.Addresses[strings.ToLower(strings.TrimSuffix(name, "_URL"))]
	return address, ok && strings.HasSuffix(name, "_URL")
}

// Close ends all services at once.
func (s *Started) Close() error {
	var failed []error
	for _, server := range s.servers {
		failed = append(failed, server.Close())
	}
	return errors.Join(failed...)
}
