// Package bff is for serving a project: it compiles a directory, joins its plan with upstreams, and answers Connect,
// gRPC, gRPC-Web and JSON clients on one http.Handler. It is the composition root, and the Go API for whoever embeds
// Sheaf.
package bff

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/grpchealth"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Server serves one project. It is safe for concurrent use. It holds what lives as long as the process; what follows from the
// author's files is in a world, which a reload replaces.
type Server struct {
	dir       string
	settings  settings
	started   plan.Server // the settings at the start
	startedAt time.Time
	current   atomic.Pointer[world]
	drifts    drifts
	shadowed  shadowRecords
	usage     *policy.Usage
	meters    *meters
	gate      *policy.Gate // of all worlds
	limiter   *policy.Limiter
	observer  *observer
	// health and internalHealth are those of the public and of the internal listener.
	health, internalHealth *health
	tokenKey               []byte // seals page tokens where the project names no key
	// idempotency keeps what became of requests with an Idempotency-Key, where they are not kept in Redis.
	idempotency *store.MemoryIdempotency

	reloading chan struct{} // full while a reload is under way
	failure   atomic.Pointer[ReloadFailure]
	draining  sync.WaitGroup
	closing   context.Context
	close     context.CancelFunc
}

// Open compiles the project in a directory and makes it ready to serve. Nothing but health checks is sent to any upstream. If the author's
// files are wrong, the error is an *AuthorError, or wraps one. The caller closes the server.
func Open(dir string, options ...Option) (*Server, error) {
	s := &Server{dir: dir, settings: newSettings(options), startedAt: time.Now(), tokenKey: []byte(rand.Text()), reloading: make(chan struct{}, 1),
		idempotency: store.NewMemoryIdempotency(maxIdempotencyBytes), usage: policy.NewUsage()}
	s.health = &health{server: s, side: public, watchers: map[*watcher]bool{}}
	s.internalHealth = &health{server: s, side: internal, watchers: map[*watcher]bool{}}
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	s.started = compiled.Server
	if err := s.measure(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	first, err := s.openWorld(compiled, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.current.Store(first)
	return s, nil
}

// measure creates what all worlds measure with, so that a reload registers nothing twice.
func (s *Server) measure() error {
	var err error
	if s.meters, err = newMeters(s.settings.meters); err != nil {
		return err
	}
	s.limiter = newLimiter(s.meters)
	s.gate = policy.NewGate(func(ctx context.Context) { s.meters.shed.Add(ctx, 1) })
	s.observer, err = newObserver(s.settings.tracers, s.settings.meters)
	return err
}

// enter is the current world, for a request that leaves it in the end. Whoever is counted before the pointer has moved is waited
// for; whoever is counted after that sees it, and turns to the new one.
func (s *Server) enter() *world {
	for {
		w := s.current.Load()
		w.users.Add(1)
		if s.current.Load() == w {
			return w
		}
		w.leave()
	}
}

// Handler answers every protocol on the paths of the contract's services, of server reflection and of health. For gRPC
// without TLS the server around it must speak HTTP/2 in clear text, as Serve does. What sheaf.yaml says of TLS and of the PROXY protocol
// is for that server to do.
func (s *Server) Handler() http.Handler { return s.handler(public, s.health) }

// InternalHandler is Handler for the internal listener: it answers the RPCs that the public does not reach, and health.
func (s *Server) InternalHandler() http.Handler { return s.handler(internal, s.internalHealth) }

func (s *Server) handler(side side, health *health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(grpchealth.NewHandler(health, atMost(smallRequest))) // whoever watches it stays for longer than a world
	mux.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		w := s.enter()
		defer w.leave()
		side(w).handler.ServeHTTP(writer, request)
	})
	return s.atEdge(side, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if !s.serveRPC(side, writer, request) {
			mux.ServeHTTP(writer, request)
		}
	}))
}

// serveRPC answers a request for an RPC; false for anything else.
func (s *Server) serveRPC(side side, writer http.ResponseWriter, request *http.Request) bool {
	w := s.enter()
	defer w.leave()
	rpc := side(w).rpc(request)
	if rpc == nil {
		return false
	}
	rpc.ServeHTTP(writer, request)
	return true
}

// atEdge applies what holds for every request of a listener.
func (s *Server) atEdge(side side, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r = side(s.current.Load()).rules.Admit(w, r); r != nil {
			next.ServeHTTP(w, r)
		}
	})
}

// Listen is the address that the project's sheaf.yaml named at the start.
func (s *Server) Listen() string { return s.started.Listen }

// InternalListen is the one for the internal listener; empty for none.
func (s *Server) InternalListen() string { return internalListen(&s.started) }

func internalListen(server *plan.Server) string {
	if server.Internal == nil {
		return ""
	}
	return server.Internal.Listen
}

// Close ends reloads and health checks, and closes idle connections to upstreams, and those to Redis, once renewals of accounts have
// ended. RPCs in flight end by themselves.
func (s *Server) Close() {
	s.reloading <- struct{}{}
	defer func() { <-s.reloading }()
	s.close()
	s.draining.Wait()
	s.current.Load().close()
}
