package bff

import (
	"context"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// maxLimitKeys is how many keys limits count in memory; see docs/operations.md.
const maxLimitKeys = 200_000

// newLimiter keeps limits for as long as the process lives, so that a reload gives nothing back.
func newLimiter(meters *meters) *policy.Limiter {
	return &policy.Limiter{
		Memory: store.NewMemoryCounters(maxLimitKeys), InFlight: policy.NewInFlight(),
		Refused: func(ctx context.Context, limit, reason string) {
			meters.limited.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.limit", limit), attribute.String("sheaf.reason", reason)))
		},
		Away: func(ctx context.Context, limit string, did policy.WhenAway) {
			meters.limitsAway.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.limit", limit), attribute.String("sheaf.when_away", string(did))))
		},
	}
}

// limits keeps the limits of an RPC; nil if it has none.
func (w *world) limits(rpc *plan.RPC) connect.Interceptor {
	if len(rpc.Limits) == 0 {
		return nil
	}
	limits := make([]policy.Limit, len(rpc.Limits))
	for i, from := range rpc.Limits {
		limits[i] = limitOf(from, rpc.Name())
	}
	var shared store.Counters
	if w.redis != nil {
		shared = w.redis.Counters()
	}
	return w.server.limiter.Limit(limits, shared)
}

func limitOf(from *plan.Limit, rpc string) policy.Limit {
	limit := policy.Limit{
		Name: from.Name, Key: from.Key.For(rpc), Cost: from.Cost.For(rpc), Concurrency: from.Concurrency,
		Shared: from.Redis, WhenAway: policy.WhenAway(from.WhenAway),
	}
	if rate := from.Rate; rate != nil {
		limit.Rate = policy.Rate{Count: rate.Count, Per: rate.Per, Burst: rate.Burst}
	}
	if quota := from.Quota; quota != nil {
		windows := map[string]store.Window{"minute": store.Minute, "hour": store.Hour, "day": store.Day, "month": store.Month}
		limit.Quota = policy.Quota{Count: quota.Count, Each: windows[quota.Each]}
	}
	return limit
}
