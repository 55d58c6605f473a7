package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// IntrospectionConfig describes an authorization server that is asked about tokens (RFC 7662). Zero values mean the defaults that are
// named here.
type IntrospectionConfig struct {
	// Name is the provider's.
	Name string
	// Ask sends a token to the authorization server, and returns the body of its answer. It is called concurrently. The error is for
	// logs, and shows nothing of the token; it wraps ErrNoQuestion if the server does not take this token for one that it could know.
	Ask func(ctx context.Context, token string) ([]byte, error)
	// Audiences are those of which aud has to hold one. Default: anything.
	Audiences []string
	// Keep is how long an answer is good, at most until the token ends. Default: 30s.
	Keep time.Duration
	// ID is the member that becomes Caller.ID. Default: sub, or client_id.
	ID string
	// Scopes is the member that becomes Caller.Scopes. Default: scope.
	Scopes string
}

// Introspection asks an authorization server about tokens. Who asks about a token that is being asked about waits for the same answer.
// It is safe for concurrent use.
type Introspection struct {
	config     IntrospectionConfig
	ids        []string
	scopes     []string
	good       *lru.Cache[digest, *Caller]
	bad        *lru.Cache[digest, error] // apart, so that no flood of bad tokens drives out the good ones
	misses     *bucket                   // for each token that was no good, one is taken
	closing    context.Context
	stop       context.CancelFunc
	mu         sync.Mutex
	flights    map[digest]*asking
	inProgress sync.WaitGroup
}

// asking is a question under way. caller and err are there when done is closed.
type asking struct {
	done   chan struct{}
	caller *Caller
	err    error
}

const (
	defaultKeep = 30 * time.Second
	// keepBad is how long it is not asked again about a token that is no good, at most.
	keepBad = 5 * time.Second
	// maxKeptBad bounds what is kept of tokens that are no good, in bytes.
	maxKeptBad = 4 << 20
	sizeOfBad  = 256
	// While more tokens turn out to be no good, none that is new is asked about: whoever makes them up must not flood the server.
	badPerSecond, badBurst = 50, 250
	// askTimeout bounds a question with its retries, besides what the upstream says.
	askTimeout = 30 * time.Second
)

// errBadTokens says that too many tokens are no good.
var errBadTokens = errors.New("too many tokens are no good at the moment")

const notActive = "token is not active"

// ErrNoQuestion says that an authorization server refuses to be asked about a token, such as one of a form that it does not issue.
var ErrNoQuestion = errors.New("the authorization server takes no question about such a token")

// NewIntrospection asks nothing yet. The caller closes it.
func NewIntrospection(config IntrospectionConfig) *Introspection {
	if config.Keep == 0 {
		config.Keep = defaultKeep
	}
	i := &Introspection{
		config: config, ids: []string{"sub", "client_id"}, scopes: []string{"scope"}, good: lru.New[digest, *Caller](maxKeptTokens), bad: lru.New[digest, error](maxKeptBad),
		misses: &bucket{perSecond: badPerSecond, most: badBurst}, flights: map[digest]*asking{},
	}
	if config.ID != "" {
		i.ids = []string{config.ID}
	}
	if config.Scopes != "" {
		i.scopes = []string{config.Scopes}
	}
	i.closing, i.stop = context.WithCancel(context.Background())
	return i
}

// Close ends the questions under way, and waits for their ends.
func (i *Introspection) Close() {
	i.mu.Lock()
	i.stop()
	i.mu.Unlock()
	i.inProgress.Wait()
}

func (i *Introspection) identify(ctx context.Context, token string, digest digest) (*Caller, error) {
	now := time.Now()
	if caller, ok := i.good.Get(digest, now); ok {
		return caller, nil
	}
	if err, ok := i.bad.Get(digest, now); ok {
		return nil, err
	}
	if i.misses.isEmpty(now) {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errBadTokens)
	}
	asked := i.ask(ctx, token, digest)
	select {
	case <-asked.done:
		return asked.caller, asked.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: wait for introspection: %w", ErrUnavailable, ctx.Err())
	}
}

// ask begins a question, or joins the one under way. It belongs to the trace of who asked first, but does not end with it.
func (i *Introspection) ask(ctx context.Context, token string, digest digest) *asking {
	i.mu.Lock()
	defer i.mu.Unlock()
	if underWay := i.flights[digest]; underWay != nil {
		return underWay
	}
	begun := &asking{done: make(chan struct{})}
	if i.closing.Err() != nil {
		begun.err = fmt.Errorf("%w: %w", ErrUnavailable, errProviderClosed)
		close(begun.done)
		return begun
	}
	i.flights[digest] = begun
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	stop := context.AfterFunc(i.closing, cancel)
	i.inProgress.Go(func() {
		defer cancel()
		defer stop()
		begun.caller, begun.err = i.answer(asking, token)
		i.land(digest, begun)
	})
	return begun
}

// land keeps what an answer says.
func (i *Introspection) land(digest digest, landed *asking) {
	now := time.Now()
	if _, isBad := errors.AsType[*Error](landed.err); isBad {
		i.misses.take(now)
		i.bad.Put(digest, landed.err, sizeOfBad, now.Add(min(keepBad, i.config.Keep)))
	}
	if landed.err == nil {
		until := now.Add(i.config.Keep)
		if ends := landed.caller.Expires; !ends.IsZero() {
			until = earliest(until, ends)
		}
		i.good.Put(digest, landed.caller, sizeOf(landed.caller), until)
	}
	i.mu.Lock()
	delete(i.flights, digest)
	i.mu.Unlock()
	close(landed.done)
}

// answer asks, and reads the answer.
func (i *Introspection) answer(ctx context.Context, token string) (caller *Caller, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			caller, err = nil, fmt.Errorf("%w: recover from a panic: %v", ErrUnavailable, cause)
		}
	}()
	body, err := i.config.Ask(ctx, token)
	if errors.Is(err, ErrNoQuestion) {
		return nil, &Error{Reason: notActive, Challenge: challengeOf(notActive), Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: introspect: %w", ErrUnavailable, err)
	}
	return i.read(body, time.Now())
}
