package policy

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Idempotency runs a request with an Idempotency-Key once: those of the same caller that follow with the same key get the first answer
// again. It is safe for concurrent use.
type Idempotency struct {
	config IdempotencyConfig
}

// IdempotencyConfig says how requests are run once.
type IdempotencyConfig struct {
	Records store.Idempotency
	// Keep is how long answers are kept, from when their requests came.
	Keep time.Duration
	// Required refuses requests without a key.
	Required bool
	// Allow lets requests go on as if they had no key while the records are away; otherwise they are refused.
	Allow bool
	// Key is a secret that answers are sealed with, besides the client's own key; nil for none.
	Key    []byte
	Logger *slog.Logger
}

// ResponseCodec turns the messages of responses into bytes, and back.
type ResponseCodec struct {
	// Type is the full name of the messages.
	Type     string
	Wire     func(connect.AnyResponse) ([]byte, error)
	Response func(wire []byte) connect.AnyResponse
}

// NewIdempotency runs requests once.
func NewIdempotency(config IdempotencyConfig) *Idempotency { return &Idempotency{config: config} }

const (
	// idempotencyLease is how long an owner counts as alive that is not heard of; it is heard of several times in that time.
	idempotencyLease = 10 * time.Second
	idempotencyBeats = 3
	// idempotencyName is what decisions are by.
	idempotencyName = "idempotency"
)

// Interceptor does so for an RPC. It stands behind all that may refuse a request, so that an answer is the plan's, and what is done to
// answers for the caller at hand is done to those that are given again, too. Behind it, ExecutionFrom gives what to ask before sending.
func (i *Idempotency) Interceptor(codec ResponseCodec) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			call := From(ctx)
			key, refused := i.checkKey(call, request.Header())
			if refused != nil {
				call.Decide(Deny, idempotencyName, refused.Message())
				return nil, refused
			}
			if key == "" {
				return next(ctx, request)
			}
			asked, err := i.newOnce(call, key, request.Any())
			if err != nil {
				i.log(ctx, slog.LevelError, "a request cannot be told apart by its idempotency key", err)
				return nil, connect.NewError(connect.CodeInternal, errors.New("internal error"))
			}
			return i.once(ctx, asked, codec, func(ctx context.Context) (connect.AnyResponse, error) { return next(ctx, request) })
		}
	})
}

// runFunc runs a request.
type runFunc func(context.Context) (connect.AnyResponse, error)

// once runs a request, unless that has been done.
func (i *Idempotency) once(ctx context.Context, asked *once, codec ResponseCodec, run runFunc) (connect.AnyResponse, error) {
	call := From(ctx)
	reserved := time.Now()
	found, err := i.config.Records.Reserve(ctx, asked.Reservation)
	if err != nil {
		return i.withoutRecords(ctx, asked, err, run)
	}
	switch found.State {
	case store.StateReserved:
		return i.run(ctx, i.newExecution(ctx, asked, reserved), codec, run)
	case store.StateDone:
		call.Decide(Replay, idempotencyName, "")
		return i.replay(ctx, asked, found.Answer, codec)
	case store.StateRunning:
		call.Decide(Conflict, idempotencyName, "the first request is under way")
		return nil, keyInUse()
	case store.StateOther:
		call.Decide(Conflict, idempotencyName, "the key is that of another request")
		return nil, failure(connect.CodeFailedPrecondition,
			"this Idempotency-Key was used with another request; use a new one for each thing that is to be done", "IDEMPOTENCY_KEY_REUSED")
	default:
		call.Decide(Unknown, idempotencyName, "who ran the first request has ended")
		return nil, unknownOutcome(nil)
	}
}

// withoutRecords decides about a request that could not be reserved.
func (i *Idempotency) withoutRecords(ctx context.Context, asked *once, cause error, run runFunc) (connect.AnyResponse, error) {
	call := From(ctx)
	i.release(ctx, asked) // it may have been carried out
	switch {
	case ctx.Err() != nil:
		return nil, gaveUp(ctx.Err())
	case errors.Is(cause, store.ErrAway) && i.config.Allow:
		call.Decide(Allow, idempotencyName, "the records are away")
		return run(ctx)
	default:
		call.Decide(Deny, idempotencyName, cause.Error())
		return nil, recordsAway()
	}
}

// run runs a reserved request, and keeps what becomes of it.
func (i *Idempotency) run(ctx context.Context, execution *Execution, codec ResponseCodec, run runFunc) (response connect.AnyResponse, err error) {
	returned := false
	defer func() {
		if !returned { // a panic, which goes on
			_, _ = execution.settle(ctx, codec, nil, errors.New("internal error"))
		}
	}()
	From(ctx).execution = execution
	response, err = run(ctx)
	returned = true
	return execution.settle(ctx, codec, response, err)
}

// replay gives the first answer again.
func (i *Idempotency) replay(ctx context.Context, asked *once, sealed []byte, codec ResponseCodec) (connect.AnyResponse, error) {
	plain, err := asked.opened(sealed, i.config.Key)
	var found *keptAnswer
	if err == nil {
		found, err = parseAnswer(plain)
	}
	if err != nil {
		i.log(ctx, slog.LevelError, "a kept answer cannot be read; its outcome counts as unknown", err)
		return nil, unknownOutcome(nil)
	}
	return found.give(codec)
}

// release lets a request count as new. Nobody may have sent anything for it.
func (i *Idempotency) release(ctx context.Context, asked *once) {
	_ = i.config.Records.Release(context.WithoutCancel(ctx), asked.Reservation) // its lease ends by itself
}

func (i *Idempotency) log(ctx context.Context, level slog.Level, text string, err error) {
	i.config.Logger.LogAttrs(ctx, level, text, slog.String("rpc", From(ctx).RPC), slog.Any("error", err))
}
