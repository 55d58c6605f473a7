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
	// advertised is the policy as clients see it, if it is always the same; nil if not. Nobody changes it.
	advertised []string
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
	a.keys = a.fewKeys[:0]
	for _, program := range a.limited.keys {
		a.keys = append(a.keys, keyText(ctx, program, facts))
	}
	takes, err := a.ask(ctx, a.fewTakes[:0], a.local, facts)
	if err != nil {
		return err
	}
	a.here = asked{limits: a.local, takes: takes}
	if len(a.shared) > 0 {
		takes, err = a.ask(ctx, nil, a.shared, facts)
		a.together = asked{limits: a.shared, takes: takes}
	}
	return err
}

// ask appends what is asked of limits.
func (a *asking) ask(ctx context.Context, takes []store.Take, limits []*limit, facts *Facts) ([]store.Take, error) {
	for _, limit := range limits {
		cost, ok := costOf(ctx, limit.Cost, facts)
		switch {
		case !ok:
			return nil, a.unpriced(ctx, limit)
		case cost > limit.bound.Most():
			return nil, a.tooDear(ctx, limit, cost)
		}
		takes = append(takes, store.Take{Bound: limit.bound, Key: a.keys[limit.key], Cost: cost})
	}
	return takes, nil
}

func keyText(ctx context.Context, program *expr.Program, facts *Facts) string {
	if program == nil {
		return ""
	}
	if text, selected := program.Selected(facts); selected {
		return text
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
