package upstreams

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// silentFirst is a listener whose first connection nobody answers.
type silentFirst struct {
	net.Listener
	first    sync.Once
	accepted chan net.Conn
}

func (l *silentFirst) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	silent := false
	l.first.Do(func() { silent = true; l.accepted <- connection })
	if silent {
		return l.Accept()
	}
	return connection, nil
}

// TestLeaveDial: who waits for the one connection that there may be gets a dial of its own when the caller leaves whose dial is
// under way, wherever that hangs.
func TestLeaveDial(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }
	trust := &TLSConfig{Authorities: ours.pool(), ServerName: "inner.test"}
	for name, open := range map[string]func(*testing.T) (config Config, hangs <-chan struct{}){
		"handshake": func(t *testing.T) (Config, <-chan struct{}) {
			t.Helper()
			return hangingHandshake(t, ours, answer)
		},
		"proxy over http": func(t *testing.T) (Config, <-chan struct{}) {
			t.Helper()
			proxy, hangs := hangingProxy(t, secured(t, ours.issue(t, "inner.test", time.Hour), answer))
			proxy.Start()
			return Config{BaseURL: "https://things.test", Proxy: proxy.URL}, hangs
		},
		"proxy over https": func(t *testing.T) (Config, <-chan struct{}) {
			t.Helper()
			proxy, hangs := hangingProxy(t, secured(t, ours.issue(t, "inner.test", time.Hour), answer))
			proxy.TLS = secured(t, ours.issue(t, "proxy.test", time.Hour), nil).TLS.Clone()
			proxy.TLS.NextProtos = nil
			proxy.StartTLS()
			return Config{BaseURL: "https://things.test", Proxy: proxy.URL}, hangs
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, hangs := open(t)
			config.Name, config.TLS, config.MaxConnections, config.Private, config.Timeout = "things", trust, 1, true, 20*time.Second
			leaveDial(t, create(t, config), hangs)
		})
	}
}

// leaveDial makes a call whose dial hangs, and one that waits for it; then the first caller leaves.
func leaveDial(t *testing.T, client *Client, hangs <-chan struct{}) {
	t.Helper()
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- errorOf(client.Do(leaving, thing())) }()
	select {
	case <-hangs:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody dialed")
	}
	go func() { second <- errorOf(client.Do(t.Context(), thing())) }()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("who waited: %v", err)
	}
}

func errorOf(_ *Answer, err error) error { return err }

func hangingHandshake(t *testing.T, ours *authority, answer http.HandlerFunc) (Config, <-chan struct{}) {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	listener := &silentFirst{Listener: server.Listener, accepted: make(chan net.Conn, 1)}
	server.Listener, server.EnableHTTP2 = listener, true
	server.TLS = secured(t, ours.issue(t, "inner.test", time.Hour), answer).TLS.Clone()
	server.StartTLS()
	t.Cleanup(server.Close)
	hangs := make(chan struct{})
	go func() {
		connection := <-listener.accepted
		close(hangs)
		_, _ = io.Copy(io.Discard, connection)
		_ = connection.Close()
	}()
	return Config{BaseURL: "https://" + listener.Addr().String()}, hangs
}

// hangingProxy never answers the first CONNECT.
func hangingProxy(t *testing.T, server *httptest.Server) (*egress, <-chan struct{}) {
	t.Helper()
	proxy := newEgress(t, server.Listener.Addr().String())
	connect, hangs := proxy.Config.Handler, make(chan struct{})
	var asked atomic.Int64
	proxy.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			close(hangs)
			<-r.Context().Done()
			return
		}
		connect.ServeHTTP(w, r)
	})
	return proxy, hangs
}
