package policy

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Limit bounds how much is asked for. One of Rate, Quota and Concurrency is set.
type Limit struct {
	// Name is what clients see, and tells it from other limits, also after it has changed.
	Name string
	// Key gives what is counted apart, and Cost what a call counts, with Rate and Quota; nil for all together, and for 1.
	Key, Cost   *expr.Program
	Rate        Rate
	Quota       Quota
	Concurrency int
	// Shared is set if all replicas count together. WhenAway is what holds while they cannot.
	Shared   bool
	WhenAway WhenAway
}

// Rate is so many in a time, spread evenly; Burst of them may come at once.
type Rate struct {
	Count int64
	Per   time.Duration
	Burst int64
}

// Quota is so many in each window of the calendar.
type Quota struct {
	Count int64
	Each  store.Window
}

// WhenAway says what becomes of a shared limit whose counters cannot be reached.
type WhenAway string

// What may become of it.
const (
	// CountHere counts in this replica.
	CountHere WhenAway = "memory"
	// AllowAll lets every call pass.
	AllowAll WhenAway = "allow"
	// DenyAll refuses every call.
	DenyAll WhenAway = "deny"
)

// Limiter keeps limits. It is safe for concurrent use, and outlives reloads, so that these give nothing back.
type Limiter struct {
	Memory   store.Counters
	InFlight *InFlight
	// Refused is told of each call that a limit refuses, and Away of each that a shared limit could not be asked about.
	Refused func(ctx context.Context, limit, reason string)
	Away    func(ctx context.Context, limit string, did WhenAway)
}

// Limit keeps the limits of one RPC. Shared counters are nil if no limit is shared. What is refused has been counted by no limit; a limit in
// memory may have counted it for a moment, if a shared one refuses it.
func (l *Limiter) Limit(limits []Limit, shared store.Counters) connect.Interceptor {
	limited := newLimited(l, limits, shared)
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			message, _ := request.Any().(proto.Message)
			asked := &asking{limited: limited, call: From(ctx)}
			defer asked.leave()
			if err := asked.admit(ctx, message); err != nil {
				return nil, err
			}
			return next(ctx, request)
		}
	})
}

// asking is one call that asks to be admitted.
type asking struct {
	*limited
	call *Call
	// keys are in the order of the limits' keys.
	keys []string
	// here and together are what is asked of limits in memory, and of shared ones.
	here, together asked
	// fewKeys and fewTakes are room for what most RPCs need.
	fewKeys  [2]string
	fewTakes [2]store.Take
	// entered is how many of the concurrent limits count the call, and room what each has left.
	entered int
	room    []int
}

// asked is what is asked of some limits. They have answered if known is set.
type asked struct {
	limits []*limit
	takes  []store.Take
	known  bool
}

// admit asks all limits, those first that ask nobody else. The error is a *connect.Error. What it has entered, it leaves in leave.
func (a *asking) admit(ctx context.Context, message proto.Message) error {
	defer a.tell()
	facts := a.call.Facts(message, a.call.Arrived)
	if err := a.prepare(ctx, facts); err != nil {
		return err
	}
	if err := a.enter(ctx); err != nil {
		return err
	}
	if err := a.askMemory(ctx, &a.here); err != nil {
		return err
	}
	if err := a.askShared(ctx); err != nil {
		a.Memory.GiveBack(ctx, a.here.takes)
		return err
	}
	return nil
}

func (a *asking) askMemory(ctx context.Context, what *asked) error {
	if len(what.takes) == 0 {
		return nil
	}
	took, err := a.Memory.Take(ctx, what.takes)
	if what.known = err == nil; took {
		return nil
	}
	return a.exhausted(ctx, what)
}

// askShared asks the limits that replicas share.
func (a *asking) askShared(ctx context.Context) error {
	if !costs(a.together.takes) {
		return nil
	}
	took, err := a.counters.Take(ctx, a.together.takes)
	a.together.known = err == nil
	switch {
	case took:
		return nil
	case err == nil:
		return a.exhausted(ctx, &a.together)
	case ctx.Err() != nil:
		return ended(ctx, "the limits were known")
	default:
		return a.doWithout(ctx)
	}
}

// costs reports whether anything is asked for at all.
func costs(takes []store.Take) bool {
	return slices.ContainsFunc(takes, func(take store.Take) bool { return take.Cost > 0 })
}

// doWithout decides without the counters that replicas share.
func (a *asking) doWithout(ctx context.Context) error {
	together := a.together
	a.together = asked{}
	for i, limit := range together.limits {
		if together.takes[i].Cost == 0 {
			continue
		}
		a.Away(ctx, limit.Name, limit.WhenAway)
		switch limit.WhenAway {
		case DenyAll:
			return a.unavailable(ctx, limit)
		case AllowAll:
		default:
			a.together.limits, a.together.takes = append(a.together.limits, limit), append(a.together.takes, together.takes[i])
		}
	}
	return a.askMemory(ctx, &a.together)
}

// enter counts the call among those in flight.
func (a *asking) enter(ctx context.Context) error {
	for _, limit := range a.concurrent {
		room, ok := a.InFlight.enter(limit.Name, a.keys[limit.key], limit.Concurrency)
		a.room = append(a.room, room)
		if !ok {
			return a.crowded(ctx, limit)
		}
		a.entered++
	}
	return nil
}

// leave ends the call.
func (a *asking) leave() {
	for _, limit := range a.concurrent[:a.entered] {
		a.InFlight.leave(limit.Name, a.keys[limit.key])
	}
}
