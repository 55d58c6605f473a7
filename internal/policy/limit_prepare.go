package policy

import (
	"context"
	"math"
	"strconv"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// limited is an RPC with its limits.
type limited struct {
	*Limiter
	counters store.Counters
	// concurrent, local and shared are the limits, by who counts.
	concurrent, local, shared []*limit
	// keys are the expressions that limits count by: the same one once.
	keys []*expr.Program
	// advertised is the policy as clients see it, if it is always the same.
	advertised string
}

// limit is a Limit that is ready.
type limit struct {
	Limit
	// key is the index of its expression.
	key   int
	bound *store.Bound // nil for concurrency
}

// noKey is what is counted together where a key has no value, or cannot be evaluated: nobody escapes by that.
const noKey = "\x00none"

func newLimited(limiter *Limiter, limits []Limit, shared store.Counters) *limited {
	l := &limited{Limiter: limiter, counters: shared}
	for _, one := range limits {
		ready := &limit{Limit: one, key: l.keyOf(one.Key)}
		switch {
		case one.Rate.Count > 0:
			ready.bound = store.NewRate(one.Name, one.Rate.Count, one.Rate.Per, one.Rate.Burst)
		case one.Quota.Count > 0:
			ready.bound = store.NewQuota(one.Name, one.Quota.Count, one.Quota.Each)
		}
		switch {
		case ready.bound == nil:
			l.concurrent = append(l.concurrent, ready)
		case one.Shared:
			l.shared = append(l.shared, ready)
		default:
			l.local = append(l.local, ready)
		}
	}
	l.advertise()
	return l
}

func (l *limited) keyOf(program *expr.Program) int {
	for i, known := range l.keys {
		if known == program || known != nil && program != nil && known.Text == program.Text {
			return i
		}
	}
	l.keys = append(l.keys, program)
	return len(l.keys) - 1
}

// prepare evaluates what limits count by, and what the call costs.
func (a *asking) prepare(ctx context.Context, facts *Facts) error {
	a.keys = make([]string, len(a.limited.keys))
	for i, program := range a.limited.keys {
		a.keys[i] = keyText(ctx, program, facts)
	}
	var err error
	if a.here, err = a.ask(ctx, a.local, facts); err != nil {
		return err
	}
	a.together, err = a.ask(ctx, a.shared, facts)
	return err
}

func (a *asking) ask(ctx context.Context, limits []*limit, facts *Facts) (asked, error) {
	if len(limits) == 0 {
		return asked{}, nil
	}
	takes := make([]store.Take, len(limits))
	for i, limit := range limits {
		cost, ok := costOf(ctx, limit.Cost, facts)
		switch {
		case !ok:
			return asked{}, a.unpriced(ctx, limit)
		case cost > limit.bound.Most():
			return asked{}, a.tooDear(ctx, limit, cost)
		}
		takes[i] = store.Take{Bound: limit.bound, Key: a.keys[limit.key], Cost: cost}
	}
	return asked{limits: limits, takes: takes}, nil
}

func keyText(ctx context.Context, program *expr.Program, facts *Facts) string {
	if program == nil {
		return ""
	}
	value, outcome, _ := program.Eval(ctx, facts)
	if outcome != expr.Found {
		return noKey
	}
	switch key := value.Value().(type) {
	case string:
		return key
	case int64:
		return strconv.FormatInt(key, 10)
	case uint64:
		return strconv.FormatUint(key, 10)
	case bool:
		return strconv.FormatBool(key)
	default:
		return noKey
	}
}

// costOf is what a call costs; false if that is nothing to count by: no whole number, or a negative one.
func costOf(ctx context.Context, program *expr.Program, facts *Facts) (int64, bool) {
	if program == nil {
		return 1, true
	}
	value, outcome, _ := program.Eval(ctx, facts)
	if outcome != expr.Found {
		return 0, false
	}
	switch cost := value.Value().(type) {
	case int64:
		return cost, cost >= 0
	case uint64:
		return int64(min(cost, math.MaxInt64)), true
	default:
		return 0, false
	}
}
