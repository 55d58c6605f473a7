package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	// failuresToAway is how many operations in a row have to fail until a node counts as away.
	failuresToAway = 3
	// awayFor is how long nothing is asked of a node that is away, before one operation tries whether it is back.
	awayFor = time.Second
)

// watch notes which nodes are away.
type watch struct {
	logger   *slog.Logger
	changes  metric.Int64Counter
	failures metric.Int64Counter
}

func newWatch(config *RedisConfig) (*watch, error) {
	meter := config.MeterProvider.Meter("github.com/sheaf-rpc/sheaf/internal/store")
	changes, err := meter.Int64Counter("sheaf.redis.changes", metric.WithDescription("How often a node of Redis went away, or came back."))
	if err != nil {
		return nil, fmt.Errorf("create metric: %w", err)
	}
	failures, err := meter.Int64Counter("sheaf.redis.failures", metric.WithDescription("Operations on Redis that failed, those refused without a try included."))
	if err != nil {
		return nil, fmt.Errorf("create metric: %w", err)
	}
	return &watch{logger: config.Logger, changes: changes, failures: failures}, nil
}

// guard makes operations on one node fail at once while it is away, so that an outage costs a timeout now and then, and not one
// for each call.
type guard struct {
	*watch
	node    string
	circuit *gobreaker.CircuitBreaker[struct{}]
	// last is the error that was met last, for the log.
	last atomic.Pointer[error]
}

var _ redis.Hook = (*guard)(nil)

func (w *watch) guard(node string) *guard {
	g := &guard{watch: w, node: node}
	g.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: node, MaxRequests: 1, Timeout: awayFor,
		ReadyToTrip:   func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failuresToAway },
		IsSuccessful:  func(err error) bool { return isReply(err) || redis.HasErrorPrefix(err, "WRONGTYPE") }, // which one key is to blame for
		IsExcluded:    func(err error) bool { return errors.Is(err, errGivenUp) },
		OnStateChange: func(_ string, from, to gobreaker.State) { g.changed(from, to) },
	})
	return g
}

// errGivenUp marks an operation that its caller ended, which says nothing about Redis.
var errGivenUp = errors.New("given up")

// isReply reports whether an error is one that a well Redis answers with.
func isReply(err error) bool {
	return err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") || redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
}

// guarded is the key of the guard in the context of an operation.
type guarded struct{}

// ProcessHook implements redis.Hook. An operation that needs a new connection greets Redis first, which is a part of it: asked for
// by itself it would be refused, since the operation is the one that tries.
func (g *guard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, operation redis.Cmder) error {
		if ctx.Value(guarded{}) == g {
			return next(ctx, operation)
		}
		ctx = context.WithValue(ctx, guarded{}, g)
		_, err := g.circuit.Execute(func() (struct{}, error) { return struct{}{}, g.try(ctx, operation, next) })
		if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
			err = fmt.Errorf("%w: %s", ErrAway, g.node)
		}
		if !isReply(err) && !errors.Is(err, errGivenUp) {
			g.failures.Add(ctx, 1, g.attributes())
		}
		return err
	}
}

func (g *guard) try(ctx context.Context, operation redis.Cmder, next redis.ProcessHook) error {
	err := next(ctx, operation)
	if deadline, ok := ctx.Deadline(); err != nil && ok && !time.Now().Before(deadline) {
		<-ctx.Done() // a connection's clock may be a moment ahead
	}
	switch {
	case isReply(err):
		return err
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSlow):
		return fmt.Errorf("%w: %w", errGivenUp, ctx.Err())
	default:
		g.last.Store(&err)
		return err
	}
}

// changed tells that a node is away, or back; not of each try between.
func (g *guard) changed(from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		g.logger.Warn("redis is away", slog.String("node", g.node), slog.Any("error", *g.last.Load()))
		g.changes.Add(context.Background(), 1, g.attributes(attribute.String("sheaf.redis.state", "away")))
	case to == gobreaker.StateClosed:
		g.logger.Info("redis is back", slog.String("node", g.node))
		g.changes.Add(context.Background(), 1, g.attributes(attribute.String("sheaf.redis.state", "back")))
	}
}

func (g *guard) attributes(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, attribute.String("sheaf.redis.node", g.node))...)
}

// DialHook implements redis.Hook.
func (*guard) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook. Pipelines are those of go-redis itself, within an operation.
func (*guard) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
