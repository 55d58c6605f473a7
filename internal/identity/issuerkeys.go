package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// IssuerKeysConfig says where the keys of an issuer are.
type IssuerKeysConfig struct {
	// Fetch gets what is at a path, which may hold a query, of the one upstream that keys are on. It is called by one goroutine.
	Fetch func(ctx context.Context, path string) ([]byte, error)
	// BaseURL is that of the upstream: the metadata's jwks_uri has to be below it.
	BaseURL string
	// Path is where the JWK set is, or, with Discovery, the metadata that says where.
	Path      string
	Discovery bool
	// Refresh is how long keys are good before they are fetched again. Default: 10m.
	Refresh time.Duration
	// Logger is told of keys that change, and that cannot be had; nil for nobody.
	Logger *slog.Logger
}

const (
	defaultRefresh = 10 * time.Minute
	// keepKeys is how long keys are good while the issuer is away, at least.
	keepKeys = 24 * time.Hour
	// keysTimeout bounds a fetch with its retries, besides what the upstream says.
	keysTimeout = 30 * time.Second
	// After a fetch that failed, the next one waits about this long, and twice as long with each further one.
	keysBackoff, maxKeysBackoff = 500 * time.Millisecond, 10 * time.Second
	// askEvery is the shortest time between two fetches for keys that turn out to be unknown.
	askEvery = 10 * time.Second
)

// issuerKeys are the public keys of an issuer. One goroutine fetches them: when it is time, and when somebody asks for a key that is not there. Whoever
// asks meanwhile waits for the same fetch.
type issuerKeys struct {
	issuer  string
	config  IssuerKeysConfig
	current atomic.Pointer[keySet]

	closing context.Context
	stop    context.CancelFunc
	ended   sync.WaitGroup
	wake    chan struct{}

	mu sync.Mutex
	// flight is the fetch that is under way, or that is to begin; nil for none.
	flight *keysFlight
	// pausedUntil is when somebody may ask for a fetch again.
	pausedUntil time.Time
	// failures counts the fetches in a row that failed, the last of them with failure.
	failures int
	failure  error
}

// keysFlight is a fetch. err is there when done is closed.
type keysFlight struct {
	// asked is set if somebody asked for a key of this id.
	asked bool
	kid   string
	begun bool
	done  chan struct{}
	err   error
}

func newIssuerKeys(issuer string, config IssuerKeysConfig) *issuerKeys {
	if config.Refresh == 0 {
		config.Refresh = defaultRefresh
	}
	k := &issuerKeys{issuer: issuer, config: config, wake: make(chan struct{}, 1)}
	k.closing, k.stop = context.WithCancel(context.Background())
	k.ended.Go(k.run)
	return k
}

func (k *issuerKeys) close() {
	k.stop()
	k.ended.Wait()
}

// keySet is the current one; nil if there is none, or if it is too old.
func (k *issuerKeys) keySet() *keySet {
	current := k.current.Load()
	if current == nil || time.Now().After(current.goodUntil) {
		return nil
	}
	return current
}

func (k *issuerKeys) run() {
	for k.closing.Err() == nil {
		flight := k.begin()
		fetched, err := k.fetch()
		timer := time.NewTimer(k.land(flight, fetched, err))
		select {
		case <-k.closing.Done():
		case <-k.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin begins the fetch that was asked for, or one of its own.
func (k *issuerKeys) begin() *keysFlight {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.wake: // this is the fetch that it is for
	default:
	}
	if k.flight == nil {
		k.flight = &keysFlight{done: make(chan struct{})}
	}
	k.flight.begun = true
	return k.flight
}

// land notes what a fetch has brought, and says when the next one is due.
func (k *issuerKeys) land(landed *keysFlight, fetched *keySet, err error) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight, landed.err, k.failure = nil, err, err
	defer close(landed.done)
	if err != nil {
		k.failures++
		pause := keysPause(k.failures)
		k.pausedUntil = time.Now().Add(pause)
		if k.closing.Err() == nil {
			k.config.Logger.Warn("no new keys of an issuer", slog.Duration("next_try_in", pause), slog.Bool("old_ones_hold", k.keySet() != nil), slog.String("error", err.Error()))
		}
		return pause
	}
	k.failures = 0
	added := k.replace(fetched)
	if landed.asked && !fetched.has(landed.kid) && (landed.kid != "" || added == 0) {
		k.pausedUntil = fetched.fetched.Add(askEvery)
	}
	return k.config.Refresh - rand.N(k.config.Refresh/10+1) //nolint:gosec // nobody gains by guessing it
}

// replace makes a key set the current one, and returns how many of its keys are new.
func (k *issuerKeys) replace(fetched *keySet) int {
	added, withdrawn := fetched.follow(k.current.Load())
	k.current.Store(fetched)
	if added+withdrawn > 0 {
		k.config.Logger.Info("keys of an issuer", slog.Int("keys", len(fetched.keys)), slog.Int("new", added), slog.Int("withdrawn", withdrawn))
		if len(fetched.skipped) > 0 {
			k.config.Logger.Warn("keys of an issuer that are not used", slog.String("why", strings.Join(fetched.skipped, "; ")))
		}
	}
	return added
}

// keysPause is how long the next fetch has to wait: at least half of a bound that doubles.
func keysPause(failures int) time.Duration {
	bound := maxKeysBackoff
	if doublings := failures - 1; doublings < 8 {
		bound = min(bound, keysBackoff<<doublings)
	}
	return bound/2 + rand.N(bound/2) //nolint:gosec // nobody gains by guessing it
}

// errTooSoon says that keys were fetched not long ago, and that an unknown one was not among them. A token may still be signed with a
// newer one, so it is not refused for that.
var errTooSoon = errors.New("the issuer was asked for an unknown key not long ago")

// await waits for a fetch because of a key that is not in a set, which may be nil; its id may be empty. It does not if there is another set
// by now. isNew is set if the fetch began after the call. The error wraps ErrUnavailable, and errTooSoon if that is why.
func (k *issuerKeys) await(ctx context.Context, kid string, in *keySet) (isNew bool, err error) {
	flight, isNew, err := k.ask(kid, in)
	if flight == nil || err != nil {
		return false, err
	}
	select {
	case <-flight.done:
	case <-ctx.Done():
		return false, fmt.Errorf("%w: wait for keys: %w", ErrUnavailable, ctx.Err())
	case <-k.closing.Done():
		return false, fmt.Errorf("%w: %w", ErrUnavailable, errProviderClosed)
	}
	if flight.err != nil {
		return false, fmt.Errorf("%w: fetch keys: %w", ErrUnavailable, flight.err)
	}
	return isNew, nil
}

var errProviderClosed = errors.New("provider is closed")

// ask is the fetch to wait for; nil if one has landed since. isNew is set if it begins after the call.
func (k *issuerKeys) ask(kid string, in *keySet) (_ *keysFlight, isNew bool, _ error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.keySet() != in:
		return nil, false, nil
	case k.flight != nil:
		return k.flight, !k.flight.begun, nil
	case time.Now().Before(k.pausedUntil) && k.failure != nil:
		return nil, false, fmt.Errorf("%w: fetch keys: %w", ErrUnavailable, k.failure)
	case time.Now().Before(k.pausedUntil):
		return nil, false, fmt.Errorf("%w: %w", ErrUnavailable, errTooSoon)
	}
	k.flight = &keysFlight{asked: true, kid: kid, done: make(chan struct{})}
	k.wake <- struct{}{} // begin empties it before there is another flight
	return k.flight, true, nil
}
