package store

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisCounters count for all replicas. What belongs together is one script, which Redis runs as one step, by its own clock.
type redisCounters struct {
	*Redis
	take *redis.Script
	// apart is set if keys may be on several nodes.
	apart bool
}

//go:embed counters.lua
var takeScript string

// Counters count in Redis, exactly, for all that use it. All takes are one round trip, and one step, but in a cluster: there, those
// with the same key are, and what was taken before another one was refused is given back. So a call that is admitted has always been
// counted by all bounds, and one that is refused by none, if nothing fails meanwhile.
func (r *Redis) Counters() Counters {
	_, apart := r.client.(*redis.ClusterClient)
	return &redisCounters{Redis: r, take: redis.NewScript(takeScript), apart: apart}
}

// key is that of a counter: nothing can be read from it, and its length has a bound. The braces say what decides the node.
func (r *redisCounters) key(take *Take) string {
	sum := sha256.Sum256([]byte(take.Key))
	kind := ":rate:"
	if take.Bound.IsQuota() {
		kind = ":quota:"
	}
	return r.prefix + "limit:{" + hex.EncodeToString(sum[:16]) + "}" + kind + take.Bound.Name
}

// Take implements Counters. However many round trips there are, they end within the timeout of one operation.
func (r *redisCounters) Take(ctx context.Context, takes []Take) (bool, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	for done := 0; done < len(takes); {
		group := takes[done:r.groupEnd(takes, done)]
		taken, err := r.run(bounded, group, 1)
		if err != nil {
			return false, away("count", err)
		}
		if !taken {
			if done > 0 {
				r.GiveBack(ctx, takes[:done])
			}
			return false, nil
		}
		done += len(group)
	}
	return true, nil
}

// GiveBack implements Counters.
func (r *redisCounters) GiveBack(ctx context.Context, takes []Take) {
	ctx, cancel := r.bounded(context.WithoutCancel(ctx))
	defer cancel()
	for done := 0; done < len(takes); {
		group := takes[done:r.groupEnd(takes, done)]
		if _, err := r.run(ctx, group, -1); err != nil {
			return // it stays counted
		}
		done += len(group)
	}
}

// groupEnd is where the group of takes ends that begins there: those that one script can do.
func (r *redisCounters) groupEnd(takes []Take, from int) int {
	if !r.apart {
		return len(takes)
	}
	end := from + 1
	for end < len(takes) && takes[end].Key == takes[from].Key {
		end++
	}
	return end
}

// errScript says that the script's answer is none of its own.
var errScript = errors.New("answer of the script is not understood")

// run takes from some counters whose keys are on one node, or gives back if sign is negative.
func (r *redisCounters) run(ctx context.Context, takes []Take, sign int64) (bool, error) {
	keys := make([]string, len(takes))
	args := make([]any, 0, len(takes)*4+monthEnds)
	for i := range takes {
		b := takes[i].Bound
		keys[i] = r.key(&takes[i])
		args = append(args, b.size, sign*b.price(takes[i].Cost), b.window.seconds(), b.margin())
	}
	answer, err := r.take.Run(ctx, r.client, keys, appendMonthEnds(args, time.Now())...).Int64Slice()
	if err != nil {
		return false, err //nolint:wrapcheck // the caller says what it is about
	}
	if len(answer) != len(takes)*2 {
		return false, fmt.Errorf("%w: %d numbers", errScript, len(answer))
	}
	all := true
	for i := range takes {
		takes[i].note(answer[i*2], time.Duration(answer[i*2+1]))
		all = all && !takes[i].Refused
	}
	for i := range takes {
		if all || sign < 0 {
			takes[i].see(max(0, answer[i*2]+sign*takes[i].Bound.price(takes[i].Cost)), time.Duration(answer[i*2+1]))
		}
	}
	return all, nil
}

// margin is how far beyond a window its end may be in seconds, or what a cost of 1 uses of a rate.
func (b *Bound) margin() int64 {
	if b.IsQuota() {
		return int64(setBack / time.Second)
	}
	return b.unit
}

// seconds is how long a window may be, as the script has it; 0 for a rate.
func (w Window) seconds() int64 { return int64(w.longest() / time.Second) }

// monthEnds is how many ends of months the script gets: it knows no calendar. It takes the first that Redis's clock has not reached, so that clocks may
// be a month apart.
const monthEnds = 3

func appendMonthEnds(args []any, now time.Time) []any {
	year, month, _ := now.UTC().Date()
	for i := range monthEnds {
		args = append(args, time.Date(year, month+time.Month(i), 1, 0, 0, 0, 0, time.UTC).Unix())
	}
	return args
}
