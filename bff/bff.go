// Package bff is for serving a project: it compiles a directory, joins its plan with upstreams, and answers Connect,
// gRPC, gRPC-Web and JSON clients on one http.Handler. It is the composition root, and the Go API for whoever embeds
// Sheaf.
package bff

import (
	"errors"
	"fmt"
	"net/http"

	"buf.build/go/protovalidate"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// Server serves one project. It is safe for concurrent use.
type Server struct {
	plan       *plan.Plan
	settings   settings
	clients    []*upstreams.Client
	accounts   *store.Accounts
	drifts     drifts
	meters     *meters
	types      *dynamicpb.Types
	procedures map[string]*procedure // by the name of the RPC
	health     *grpchealth.StaticChecker
	handler    http.Handler
}

// Open compiles the project in a directory and makes it ready to serve. Nothing is sent to any upstream. If the author's
// files are wrong, the error is an *AuthorError, or wraps one. The caller closes the server.
func Open(dir string, options ...Option) (*Server, error) {
	settings := newSettings(options)
	compiled, err := compile.Dir(dir, source.Options{LookupEnv: settings.lookupEnv}, settings.extensions())
	if err != nil {
		return nil, err
	}
	server := &Server{
		plan: compiled, settings: settings, types: dynamicpb.NewTypes(compiled.Files), procedures: map[string]*procedure{},
	}
	if err := server.open(); err != nil {
		server.Close()
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return server, nil
}

func (s *Server) open() error {
	validator, err := protovalidate.New(protovalidate.WithExtensionTypeResolver(s.types))
	if err != nil {
		return fmt.Errorf("create validator: %w", err)
	}
	world, err := s.world(validator)
	if err != nil {
		return err
	}
	if s.meters, err = newMeters(s.settings.meters); err != nil {
		return err
	}
	bound, err := aggregate.Bind(s.plan, world)
	if err != nil {
		return err
	}
	for _, service := range s.plan.Services {
		for _, rpc := range service.RPCs {
			s.procedures[rpc.Name()] = &procedure{
				server: s, plan: rpc, rpc: bound[rpc.Name()], validator: validator, meters: s.meters, timeout: s.timeout(rpc), vary: forwarded(rpc),
			}
		}
	}
	s.handler, err = s.newHandler()
	return err
}

// world is what plans run against.
func (s *Server) world(validator protovalidate.Validator) (*aggregate.World, error) {
	world := &aggregate.World{Functions: map[string]aggregate.Callee{}}
	for name, function := range s.settings.functions {
		world.Functions[name] = function
	}
	world.Validate = func(request protoreflect.Message) error { return checkInner(validator, request) }
	if err := s.readAccounts(); err != nil {
		return nil, err
	}
	world.Accounts = s.accounts
	key, err := s.readSecret(s.plan.Server.PageTokenKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.plan.Server.PageTokenKey.At, err)
	}
	if world.Tokens, err = pagetoken.New([]byte(key.Reveal())); err != nil {
		return nil, err
	}
	world.Upstreams, err = s.connect()
	return world, err
}

// connect creates a client for each upstream.
func (s *Server) connect() (map[string]aggregate.Upstream, error) {
	byName := map[string]aggregate.Upstream{}
	var problems diag.Problems
	for _, upstream := range s.plan.Upstreams {
		config, err := s.upstreamConfig(upstream)
		if err != nil {
			problems.Add(upstream.Credential.At, 0, "put it there, then start again", "%v", err)
			continue
		}
		client, err := upstreams.New(config)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", upstream.At, err)
		}
		s.clients = append(s.clients, client)
		byName[upstream.Name] = adapter{client}
	}
	return byName, problems.Err()
}

// Handler answers every protocol on the paths of the contract's services, of server reflection and of health. For gRPC
// without TLS the server around it must speak HTTP/2 in clear text, as Serve does.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen is the address that the project's sheaf.yaml names.
func (s *Server) Listen() string { return s.plan.Server.Listen }

// Close closes idle connections to upstreams. RPCs in flight end by themselves.
func (s *Server) Close() {
	for _, client := range s.clients {
		client.Close()
	}
}

// errUnknownRPC is the cause of a call to an RPC that the project does not bind.
var errUnknownRPC = errors.New("unknown RPC")

// find is the procedure of an RPC's full or short name.
func (s *Server) find(name string) (*procedure, error) {
	rpc := s.plan.Find(name)
	if rpc == nil {
		return nil, fmt.Errorf("%w %q%s", errUnknownRPC, name, s.plan.Suggest(name, true))
	}
	return s.procedures[rpc.Name()], nil
}
