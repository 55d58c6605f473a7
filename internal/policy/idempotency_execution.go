package policy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Execution is the one run of a request with an Idempotency-Key. It is safe for concurrent use.
type Execution struct {
	*Idempotency
	asked *once
	// effective reports whether something was changed, or may have been; nil while nobody says so.
	effective func() bool
	// stop ends the renewal of the lease, and waits for its end.
	stop func()

	mu sync.Mutex
	// begun is set once something may be sent, or refused says why nothing may be.
	begun   bool
	refused *connect.Error
	// unguarded is set if something may be sent without a record of it.
	unguarded bool
	// heard is when the records heard of us last; the lease lasts from then, at least.
	heard time.Time
}

// ExecutionFrom is the run of the request at hand; nil if it has no Idempotency-Key.
func ExecutionFrom(ctx context.Context) *Execution {
	call := From(ctx)
	if call == nil {
		return nil
	}
	return call.execution
}

// Follow names what tells, after the run, whether something was changed, or may have been. Without it, all that Begin allowed counts.
func (e *Execution) Follow(effective func() bool) { e.effective = effective }

var errLeaseOver = errors.New("the lease of the idempotency key is over, so that nothing more may be sent")

// Begin is to be called before each request that may change something. If it fails, that must not be sent. The first one notes, where
// other replicas see it, that the outcome is unknown from now on; others wait for it.
func (e *Execution) Begin(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.begun && e.refused == nil {
		e.begun, e.refused = e.markSent(ctx)
	}
	switch {
	case e.refused != nil:
		return e.refused
	case ctx.Err() != nil:
		return ctx.Err()
	case !e.unguarded && e.isOver():
		return errLeaseOver
	default:
		return nil
	}
}

// isOver reports whether this process was held up for so long that others may have told that the outcome is unknown.
func (e *Execution) isOver() bool { return time.Since(e.heard) >= e.asked.Lease }

// markSent does not end with ctx: a mark that was made after all would make the outcome unknown.
func (e *Execution) markSent(ctx context.Context) (bool, *connect.Error) {
	asked := time.Now()
	err := e.config.Records.MarkSent(context.WithoutCancel(ctx), e.asked.Reservation)
	switch {
	case err == nil:
		e.heard = asked
		return true, nil
	case errors.Is(err, store.ErrLost):
		return false, keyInUse()
	case errors.Is(err, store.ErrAway) && e.config.Allow:
		e.unguarded = true
		return true, nil
	default:
		return false, recordsAway()
	}
}

func (i *Idempotency) newExecution(ctx context.Context, asked *once, reserved time.Time) *Execution {
	execution := &Execution{Idempotency: i, asked: asked, heard: reserved}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var renewing sync.WaitGroup
	renewing.Go(func() { execution.renew(ctx) })
	execution.stop = func() { cancel(); renewing.Wait() }
	return execution
}

// renew extends the lease until ctx ends, or until the lease is lost.
func (e *Execution) renew(ctx context.Context) {
	beat := time.NewTicker(e.asked.Lease / idempotencyBeats)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		asked := time.Now()
		switch err := e.config.Records.Extend(ctx, e.asked.Reservation); {
		case err == nil:
			e.note(asked)
		case errors.Is(err, store.ErrLost):
			return
		}
	}
}

func (e *Execution) note(heard time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if heard.After(e.heard) {
		e.heard = heard
	}
}

// settle keeps what became of the run, and is what the client is told. If nothing was changed, the key can be used again.
func (e *Execution) settle(ctx context.Context, codec ResponseCodec, response connect.AnyResponse, err error) (connect.AnyResponse, error) {
	e.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.refused != nil: // nothing was sent, even if the response can do without
		From(ctx).Decide(Deny, idempotencyName, e.refused.Message())
		e.forget(ctx)
		return nil, e.refused
	case err == nil:
		e.keep(ctx, func() (*keptAnswer, error) { return answerOf(codec, response) })
		return response, nil
	case !e.begun || e.effective != nil && !e.effective() && !e.isOver():
		e.forget(ctx)
		return nil, err
	default:
		told := unknownOutcome(err)
		e.keep(ctx, func() (*keptAnswer, error) { return failureAnswer(told) })
		return nil, told
	}
}

// forget lets the request count as new, since nothing was changed; but not once others may have told that the outcome is unknown.
func (e *Execution) forget(ctx context.Context) {
	if !e.isOver() {
		e.release(ctx, e.asked)
	}
}

// keep keeps an answer. The client who waits gets it anyway, since it is the truth; if it cannot be kept, those who ask again are told that
// the outcome is unknown.
func (e *Execution) keep(ctx context.Context, encode func() (*keptAnswer, error)) {
	given, err := encode()
	var sealed []byte
	if err == nil {
		sealed, err = e.seal(ctx, given)
	}
	if err == nil {
		err = e.config.Records.Finish(context.WithoutCancel(ctx), e.asked.Reservation, sealed)
	}
	if err != nil && e.begun {
		e.log(ctx, slog.LevelError, "an answer could not be kept for its idempotency key; those who ask again are told that the outcome is unknown", err)
	}
}

// seal seals an answer, or in the place of one that is too large the news that it is.
func (e *Execution) seal(ctx context.Context, given *keptAnswer) ([]byte, error) {
	sealed, err := e.sealAnswer(given)
	if err != nil || len(sealed) <= store.MaxAnswer {
		return sealed, err
	}
	e.log(ctx, slog.LevelWarn, "an answer is too large to be kept for its idempotency key; those who ask again are told so", nil)
	if given, err = failureAnswer(tooLarge()); err != nil {
		return nil, err
	}
	return e.sealAnswer(given)
}

func (e *Execution) sealAnswer(given *keptAnswer) ([]byte, error) {
	plain, err := given.encode()
	if err != nil {
		return nil, err
	}
	return e.asked.sealed(plain, e.config.Key)
}
