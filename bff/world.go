package bff

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/bounds"
	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/wirejson"
)

// world is everything that follows from the author's files as they were at one moment. Nothing changes it once it is open. A
// request is served by the world that it began in.
type world struct {
	server     *Server
	plan       *plan.Plan
	openedAt   time.Time
	redis      *redis // nil for none
	accounts   *accounts
	clients    []*client             // each behind the one that issues its tokens
	procedures map[string]*procedure // by the name of the RPC
	types      *dynamicpb.Types
	// requestTypes count what requests hold.
	requestTypes *bounds.Types
	// responseTypes write responses for clients that speak JSON.
	responseTypes *wirejson.Types
	shadows       *shadows
	// idempotency is nil if no RPC asks for it.
	idempotency *policy.Idempotency

	operators []operator          // of the admin API
	providers []*identityProvider // the policy's, sorted by name

	public, internal, admin *listener

	// users are the requests in flight, and one more until the world retires.
	users   atomic.Int64
	unused  chan struct{}
	emptied sync.Once
	closed  sync.Once
}

// openWorld opens a compiled project. What is the same as in an older world goes on: clients of upstreams, and what has been
// renewed of accounts. The older world may be nil.
func (s *Server) openWorld(compiled *plan.Plan, older *world) (*world, error) {
	w := &world{
		server: s, plan: compiled, openedAt: time.Now(), types: dynamicpb.NewTypes(compiled.Files), requestTypes: requestTypes(compiled),
		procedures: map[string]*procedure{}, unused: make(chan struct{}),
	}
	w.responseTypes = wirejson.NewTypes(w.types)
	w.shadows = newShadows(s, w.types)
	w.users.Store(1)
	if err := w.open(older); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) open(older *world) error {
	validator, err := protovalidate.New(protovalidate.WithExtensionTypeResolver(w.types))
	if err != nil {
		return fmt.Errorf("create validator: %w", err)
	}
	around, err := w.around(validator, older)
	if err != nil {
		return err
	}
	bound, err := aggregate.Bind(w.plan, around)
	if err != nil {
		return err
	}
	w.openProcedures(bound, validator)
	if err := w.openIdentity(older); err != nil {
		return err
	}
	return w.openListeners()
}

// around is what plans run against.
func (w *world) around(validator protovalidate.Validator, older *world) (*aggregate.World, error) {
	around := &aggregate.World{Functions: map[string]aggregate.Callee{}}
	for name, function := range w.server.settings.functions {
		around.Functions[name] = function
	}
	around.Validate = func(request protoreflect.Message) error { return checkInner(validator, request) }
	if err := w.readOperators(); err != nil {
		return nil, err
	}
	if err := w.openRedis(older); err != nil {
		return nil, err
	}
	if err := w.openIdempotency(); err != nil {
		return nil, err
	}
	if err := w.openAccounts(older); err != nil {
		return nil, err
	}
	around.Accounts = w.accounts.Accounts
	var err error
	if around.Tokens, err = w.tokens(); err != nil {
		return nil, err
	}
	if err := w.connect(older); err != nil {
		return nil, err
	}
	around.Upstreams = map[string]aggregate.Upstream{}
	for _, client := range w.clients {
		around.Upstreams[client.plan.Name] = adapter{client.Client}
	}
	return around, nil
}

// reader reads the secrets of one part of the world.
func (w *world) reader() *secretReader { return &secretReader{settings: &w.server.settings} }

// tokens seals page tokens, without a key of the project's with one of the process's: tokens outlive a reload.
func (w *world) tokens() (*pagetoken.Sealer, error) {
	source := w.plan.Server.PageTokenKey
	if source.IsZero() {
		return pagetoken.New(w.server.tokenKey)
	}
	key, err := w.reader().read(source)
	if err != nil {
		return nil, problemAt(source.At, putThere, err)
	}
	return pagetoken.New([]byte(key.Reveal()))
}

// ready waits until the world knows which addresses of its upstreams are well, where they are asked, so that its first requests go to
// those. By now every file, secret and account has been read. An upstream that is ill keeps no world from serving: what is wrong with
// the files does.
func (w *world) ready(ctx context.Context) error {
	for _, client := range w.clients {
		if err := client.Ready(ctx); err != nil {
			return fmt.Errorf("wait for health checks of upstream %s: %w", client.plan.Name, err)
		}
	}
	return ctx.Err()
}

// leave ends a request, or the world's own use of itself.
func (w *world) leave() {
	if w.users.Add(-1) == 0 {
		w.emptied.Do(func() { close(w.unused) })
	}
}

// drain closes the world when the last request in flight has left it, when the time for that is up, or when ctx ends. Requests
// that are left end by their own deadlines. Nobody may enter any more.
func (w *world) drain(ctx context.Context) {
	w.leave()
	wait := w.plan.Server.DrainTimeout
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.unused:
	case <-ctx.Done():
	case <-timer.C:
		w.server.settings.logger.Warn("RPCs that began before the reload are still in flight", slog.Int64("rpcs", w.users.Load()), slog.String("after", wait.String()))
	}
	w.close()
}

// close gives back what worlds share: what uses another part before that part. Calls in flight end by themselves.
func (w *world) close() {
	w.closed.Do(func() {
		for _, provider := range w.providers {
			provider.release()
		}
		w.shadows.close()
		for _, client := range slices.Backward(w.clients) {
			client.release()
		}
		if w.accounts != nil {
			w.accounts.release()
		}
		if w.redis != nil {
			w.redis.release()
		}
	})
}
