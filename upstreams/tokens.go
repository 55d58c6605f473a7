package upstreams

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// tokens are those of an upstream, by whom they are exchanged for. Who needs one that is being fetched waits for it; nobody
// takes it away from the others by leaving.
type tokens struct {
	fetch  func(ctx context.Context, subject string) (*token, error)
	logger *slog.Logger

	mu        sync.Mutex
	bySubject *lru.Cache[subjectKey, *slot]
	underWay  sync.WaitGroup
	// closing ends the fetches under way, by stop.
	closing context.Context
	stop    context.CancelFunc
}

const (
	// maxSubjects bounds the tokens that are kept.
	maxSubjects = 10_000
	// fetchTimeout bounds a fetch with its retries, besides what the authorization server's upstream says.
	fetchTimeout = 30 * time.Second
	// After a fetch that failed, the next one waits about this long, and twice as long with each further one.
	fetchBackoff, maxFetchBackoff = 500 * time.Millisecond, 15 * time.Second
	// replaceEvery is the shortest time between two tokens that were refused: a server that refuses each is not helped by more.
	replaceEvery = 10 * time.Second
)

// subjectKey is a hash, so that no token of a caller is kept.
type subjectKey [sha256.Size]byte

// slot is the place of one subject's token.
type slot struct {
	// token is nil for none, and flight for no fetch under way.
	token  *token
	flight *fetchFlight
	// failures counts the fetches in a row that failed, the last of them with failure. None begins before pausedUntil.
	failures    int
	failure     error
	pausedUntil time.Time
	replacedAt  time.Time
}

// fetchFlight is a fetch under way. token and err are there when done is closed.
type fetchFlight struct {
	done  chan struct{}
	token *token
	err   error
}

// tokenError says that there is no token to sign a request with.
type tokenError struct {
	err error
	// wait is how long to wait before the next try; 0 if that is unknown.
	wait time.Duration
}

func (e *tokenError) Error() string { return "get token: " + e.err.Error() }

func (e *tokenError) Unwrap() error { return e.err }

func newTokens(fetch func(context.Context, string) (*token, error), logger *slog.Logger) *tokens {
	t := &tokens{fetch: fetch, logger: logger, bySubject: lru.New[subjectKey, *slot](maxSubjects)}
	t.closing, t.stop = context.WithCancel(context.Background())
	return t
}

// close ends the fetches under way, and waits for their ends.
func (t *tokens) close() {
	t.mu.Lock()
	t.stop()
	t.mu.Unlock()
	t.underWay.Wait()
}

// get is a good token. It waits only if there is none; one that ends soon is fetched anew behind the call.
func (t *tokens) get(ctx context.Context, subject string) (*token, error) {
	got, flight, err := t.find(ctx, subject)
	if flight == nil {
		return got, err
	}
	select {
	case <-flight.done:
		if flight.err != nil {
			return nil, &tokenError{err: flight.err}
		}
		return flight.token, nil
	case <-ctx.Done():
		return nil, &tokenError{err: fmt.Errorf("wait for it: %w", ctx.Err())}
	}
}

// find is a good token, the fetch to wait for, or why there is neither.
func (t *tokens) find(ctx context.Context, subject string) (*token, *fetchFlight, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, slot := time.Now(), t.slotOf(subject)
	pause := slot.pausedUntil.Sub(now)
	switch {
	case slot.token.isGood(now):
		if now.After(slot.token.renewAt) && slot.flight == nil && pause <= 0 {
			t.begin(ctx, slot, subject)
		}
		return slot.token, nil, nil
	case slot.flight != nil:
		return nil, slot.flight, nil
	case pause > 0:
		return nil, nil, &tokenError{slot.failure, pause}
	default:
		return nil, t.begin(ctx, slot, subject), nil
	}
}

// slotOf finds or makes a subject's place; what was used least recently makes room.
func (t *tokens) slotOf(subject string) *slot {
	key := sha256.Sum256([]byte(subject))
	if known, ok := t.bySubject.Get(key, time.Time{}); ok {
		return known
	}
	made := &slot{}
	t.bySubject.Put(key, made, 1, time.Time{})
	return made
}

var errClosed = errors.New("upstream is closed")

// begin fetches a token for all who wait for it. The fetch belongs to the trace of who asked first, but does not end with it.
func (t *tokens) begin(ctx context.Context, slot *slot, subject string) *fetchFlight {
	flight := &fetchFlight{done: make(chan struct{})}
	if t.closing.Err() != nil {
		flight.err = errClosed
		close(flight.done)
		return flight
	}
	slot.flight = flight
	fetching, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	stop := context.AfterFunc(t.closing, cancel)
	t.underWay.Go(func() {
		defer cancel()
		defer stop()
		flight.token, flight.err = t.fetch(fetching, subject)
		t.land(slot, flight)
	})
	return flight
}

// land notes what a fetch has brought.
func (t *tokens) land(slot *slot, landed *fetchFlight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot.flight = nil
	slot.failure = landed.err
	if landed.err == nil {
		slot.token, slot.failures, slot.pausedUntil = landed.token, 0, time.Time{}
	} else {
		slot.failures++
		pause := slot.pause()
		slot.pausedUntil = time.Now().Add(pause)
		t.logger.Warn("no new token", slog.Duration("next_try_in", pause), slog.Bool("old_one_holds", slot.token.isGood(time.Now())), slog.String("error", landed.err.Error()))
	}
	close(landed.done)
}

// pause is how long the next fetch has to wait: at least half of a bound that doubles, or what the server asks for.
func (s *slot) pause() time.Duration {
	bound := maxFetchBackoff
	if doublings := s.failures - 1; doublings < 8 {
		bound = min(bound, fetchBackoff<<doublings)
	}
	pause := bound/2 + rand.N(bound/2) //nolint:gosec // nobody gains by guessing it
	if failure, ok := errors.AsType[*Error](s.failure); ok {
		pause = max(pause, min(failure.RetryAfter, maxFetchBackoff))
	}
	return pause
}

var (
	errSameToken  = errors.New("token was refused, and the authorization server gives the same again")
	errRefusedToo = errors.New("token was refused, and so was the one before")
)

// replace gets another token than the one that was refused, unless that has been done meanwhile.
func (t *tokens) replace(ctx context.Context, subject string, refused *token) error {
	if !t.drop(subject, refused) {
		return errRefusedToo
	}
	got, err := t.get(ctx, subject)
	if err == nil && got.text.Reveal() == refused.text.Reveal() {
		return errSameToken
	}
	return err
}

// drop forgets a token that was refused. It reports whether another one may be asked for.
func (t *tokens) drop(subject string, refused *token) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, now := t.slotOf(subject), time.Now()
	if slot.token != refused {
		return true
	}
	if !slot.replacedAt.IsZero() && now.Sub(slot.replacedAt) < replaceEvery {
		return false
	}
	slot.token, slot.replacedAt = nil, now
	return true
}
