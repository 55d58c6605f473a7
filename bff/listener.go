package bff

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/edge"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// listener is what a world says of one of the places where requests come in.
type listener struct {
	// name is what expressions of the policy know it as.
	name string
	// identity are the names of the providers whose proofs count; none for all.
	identity []string
	// has reports whether an RPC is served there.
	has func(*plan.RPC) bool
	// names are the services that have one.
	names []string
	// rpcs answer RPCs by their paths, and handler everything; nil for admin, whose handler is the server's.
	rpcs    map[string]http.Handler
	handler http.Handler
	rules   edge.Rules
	// proxyProtocol is set if connections of proxies begin with it.
	proxyProtocol bool
	tls           *serverTLS // nil for clear text
}

// rpc is what answers a request for an RPC as clients send it; nil for anything else. A path that is not written as plainly is for a
// http.ServeMux to understand.
func (l *listener) rpc(r *http.Request) http.Handler {
	if r.URL.RawPath != "" {
		return nil
	}
	return l.rpcs[r.URL.Path]
}

// side chooses one of a world's listeners.
type side func(*world) *listener

func public(w *world) *listener   { return w.public }
func internal(w *world) *listener { return w.internal }
func ofAdmin(w *world) *listener  { return w.admin }

// openListeners makes the listeners. One without an address has no RPC.
func (w *world) openListeners() error {
	server := &w.plan.Server
	w.public = &listener{
		name: "public", has: func(rpc *plan.RPC) bool { return rpc.Binding == "" && !server.IsInternal(rpc.Name()) },
		proxyProtocol: server.Proxies.Protocol,
	}
	w.internal = &listener{name: "internal", has: func(rpc *plan.RPC) bool { return rpc.Binding == "" && server.IsInternal(rpc.Name()) }}
	w.admin = &listener{name: "admin"}
	if server.Internal != nil {
		w.internal.identity = server.Internal.Identity
	}
	var err error
	if w.public.rules, err = w.edgeRules(); err != nil {
		return err
	}
	if err := w.openTLS(); err != nil {
		return err
	}
	if err := w.openListener(w.public); err != nil {
		return err
	}
	return w.openListener(w.internal)
}

// openTLS reads the files of all listeners, and tells what is wrong with all of them.
func (w *world) openTLS() error {
	server := &w.plan.Server
	from := map[*listener]*plan.ServerTLS{w.public: server.TLS, w.admin: server.Admin.TLS}
	if server.Internal != nil {
		from[w.internal] = server.Internal.TLS
	}
	var problems diag.Problems
	for l, settings := range from {
		if settings == nil {
			continue
		}
		read, wrong := readServerTLS(settings, w.server.settings.logger)
		l.tls, problems = read, append(problems, wrong...)
	}
	problems.Sort()
	if err := problems.Err(); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return nil
}

// acceptor takes connections as the current world says: from proxies, and over TLS. What is said when one has been taken changes
// nothing for it.
type acceptor struct {
	net.Listener

	server *Server
	side   side
}

// Accept implements net.Listener.
func (a *acceptor) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l := a.side(a.server.current.Load())
	if l.proxyProtocol {
		conn = l.rules.Proxies.Accept(conn)
	}
	if l.tls != nil {
		conn = tls.Server(conn, l.tls.config)
	}
	return conn, nil
}

// stillTrusted refuses requests whose client has shown a certificate that counts no more, and lets their connections end.
func (a *acceptor) stillTrusted(next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.side(a.server.current.Load()).tls.stillCounts(r.TLS) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		w.Header().Set("WWW-Authenticate", identity.CertificateChallenge)
		refused := connect.NewError(connect.CodeUnauthenticated, errors.New("the certificate is of an authority that does not count any more"))
		if !failures.IsSupported(r) {
			http.Error(w, refused.Message(), http.StatusUnauthorized)
			return
		}
		_ = failures.Write(w, r, refused) // the client has gone
	})
}
