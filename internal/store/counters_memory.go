package store

import (
	"context"
	"crypto/sha256"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"time"
)

// MemoryCounters count in this process, up to a number of keys. It is exact: several takes are one step.
type MemoryCounters struct {
	seed    maphash.Seed
	started time.Time
	shards  [shardCount]shard
	// most is how many counters a shard has, besides those of overflow.
	most int
	// now is time.Now, and how long it is since started by a clock that never goes back.
	now func() moment
}

// moment is a point in time on two clocks: the calendar's, and one that nobody sets.
type moment struct {
	wall    time.Time
	elapsed time.Duration
}

const (
	// shardCount is the number of bits in a set of shards.
	shardCount = 64
	// longKey is the length in bytes from which a key is kept as its digest.
	longKey = 64
	// drawn is how many counters are looked at to find one that makes room.
	drawn = 16
	// sweepEvery is the shortest time between two looks at all counters of a shard.
	sweepEvery = time.Second
	// overflow is the key of all that find no room.
	overflow = "\x00overflow"
)

type shard struct {
	mu       sync.Mutex
	counters map[counterKey]*counter
	// sweepAt is when all of them may be looked at again, since the start.
	sweepAt time.Duration
}

type counterKey struct{ bound, key string }

// counter is one key's. Its zero value is that of a key that never came.
type counter struct {
	bound *Bound
	// at is the theoretical arrival time of a rate, since the start.
	at time.Duration
	// used is what is used of the window that ends then, in Unix seconds.
	used, end int64
	// pinned is set while a take is under way that has it.
	pinned bool
}

// NewMemoryCounters counts up to so many keys, about 200 bytes each. When there are more, what is used least makes room; what is used up does
// not, since it would be free again: then further keys are counted together.
func NewMemoryCounters(maxKeys int) *MemoryCounters {
	c := &MemoryCounters{seed: maphash.MakeSeed(), started: time.Now(), most: max(1, maxKeys/shardCount)}
	c.now = func() moment {
		now := time.Now()
		return moment{now, now.Sub(c.started)}
	}
	return c
}

var _ Counters = (*MemoryCounters)(nil)

// Take implements Counters. There is no error.
func (c *MemoryCounters) Take(_ context.Context, takes []Take) (bool, error) {
	touched := c.lock(takes)
	defer c.unlock(touched)
	now, all := c.now(), true
	var few [4]taking
	takings := few[:0]
	for i := range takes {
		one := taking{counter: c.find(&takes[i], now)}
		one.counter.pinned = true
		var used int64
		used, one.left = one.counter.usedAt(now)
		one.after = takes[i].note(used, one.left)
		takings = append(takings, one)
		all = all && !takes[i].Refused
	}
	for i := range takes {
		one := takings[i]
		one.counter.pinned = false
		if all {
			one.counter.set(one.after, now)
			takes[i].see(one.after, one.left)
		}
	}
	return all, nil
}

// taking is a take under way: what would be used after it, and how long the window lasts.
type taking struct {
	counter *counter
	after   int64
	left    time.Duration
}

// GiveBack implements Counters.
func (c *MemoryCounters) GiveBack(_ context.Context, takes []Take) {
	touched := c.lock(takes)
	defer c.unlock(touched)
	now := c.now()
	for i := range takes {
		take := &takes[i]
		found := c.find(take, now)
		used, left := found.usedAt(now)
		used = max(0, used-take.Bound.price(take.Cost))
		found.set(used, now)
		take.see(used, left)
	}
}

// lock locks the shards of takes in an order that all have, and returns which they are.
func (c *MemoryCounters) lock(takes []Take) (touched uint64) {
	for i := range takes {
		if take := &takes[i]; len(take.Key) > longKey {
			sum := sha256.Sum256([]byte(take.Key))
			take.Key = string(sum[:])
		}
		touched |= 1 << c.shardOf(&takes[i])
	}
	for rest := touched; rest != 0; rest &= rest - 1 {
		c.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return touched
}

func (c *MemoryCounters) unlock(touched uint64) {
	for rest := touched; rest != 0; rest &= rest - 1 {
		c.shards[bits.TrailingZeros64(rest)].mu.Unlock()
	}
}

func (c *MemoryCounters) shardOf(take *Take) uint64 {
	return maphash.String(c.seed, take.Key) % shardCount // one key's limits share a shard
}

// find is the counter of a take, whose shard is locked.
func (c *MemoryCounters) find(take *Take, now moment) *counter {
	s := &c.shards[c.shardOf(take)]
	key := counterKey{take.Bound.Name, take.Key}
	found := s.counters[key]
	if found == nil && len(s.counters) >= c.most && !s.makeRoom(now) {
		key.key = overflow
		found = s.counters[key]
	}
	if found == nil {
		found = &counter{}
		if s.counters == nil {
			s.counters = map[counterKey]*counter{}
		}
		s.counters[key] = found
	}
	found.change(take.Bound, now)
	return found
}

// change makes a counter one of a bound that a reload may have changed. What was taken of another rate counts by its number, and keeps nobody out
// for hours.
func (c *counter) change(to *Bound, now moment) {
	from := c.bound
	c.bound = to
	if from == nil || from == to || from.IsQuota() || to.IsQuota() {
		return
	}
	used := float64(max(0, c.at-now.elapsed))
	if from.unit != to.unit {
		used = math.Ceil(used / float64(from.unit) * float64(to.unit))
	}
	c.at = now.elapsed + time.Duration(min(used, float64(to.size)+float64(setBack)))
}

// makeRoom forgets the one of some counters that is used least, or all that are not used any more. It reports false if it would set one free
// that is used up.
func (s *shard) makeRoom(now moment) bool {
	var least counterKey
	lowest, looked := 1.0, 0
	for key, found := range s.counters {
		if looked++; looked > drawn {
			break
		}
		used, _ := found.usedAt(now)
		if share := found.bound.share(used); share < lowest && found.bound.size-used >= found.bound.unit && !found.pinned {
			least, lowest = key, share
		}
	}
	if lowest < 1 {
		delete(s.counters, least)
		return true
	}
	return s.sweep(now)
}

// sweep forgets all counters that are not used any more, but not too often: it looks at every one.
func (s *shard) sweep(now moment) (found bool) {
	if now.elapsed < s.sweepAt {
		return false
	}
	s.sweepAt = now.elapsed + sweepEvery
	for key, one := range s.counters {
		if used, _ := one.usedAt(now); used == 0 && !one.pinned {
			delete(s.counters, key)
			found = true
		}
	}
	return found
}

// usedAt is how much is used of the bound, and how long its window lasts.
func (c *counter) usedAt(now moment) (used int64, left time.Duration) {
	if !c.bound.IsQuota() {
		return max(0, int64(c.at-now.elapsed)), 0
	}
	end := c.end
	if c.bound.window.lasts(end, now.wall) {
		used = min(c.used, c.bound.size)
	} else {
		end = c.bound.window.end(now.wall)
	}
	return used, time.Unix(end, 0).Sub(now.wall)
}

// set sets how much is used.
func (c *counter) set(used int64, now moment) {
	if !c.bound.IsQuota() {
		c.at = now.elapsed + time.Duration(used)
		return
	}
	if !c.bound.window.lasts(c.end, now.wall) {
		c.end = c.bound.window.end(now.wall)
	}
	c.used = used
}
