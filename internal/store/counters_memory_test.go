package store

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

// atClock are counters whose clocks a test sets.
func atClock(maxKeys int) (*MemoryCounters, *moment) {
	now := &moment{wall: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	counters := NewMemoryCounters(maxKeys)
	counters.now = func() moment { return *now }
	return counters, now
}

func (m *moment) sleep(d time.Duration) { m.wall, m.elapsed = m.wall.Add(d), m.elapsed+d }

// admits reports whether one more is admitted.
func admits(c *MemoryCounters, bound *Bound, key string) bool {
	took, _ := c.Take(nil, []Take{{Bound: bound, Key: key, Cost: 1}}) //nolint:staticcheck // memory waits for nothing
	return took
}

// TestClockSet: setting the calendar's clock back, or forth and back, lets nobody in twice, and a wrong clock that was set right keeps nobody out.
func TestClockSet(t *testing.T) {
	t.Parallel()
	counters, now := atClock(100)
	rate, quota := NewRate("r", 1, time.Hour, 1), NewQuota("q", 1, Hour)
	for _, bound := range []*Bound{rate, quota} {
		if !admits(counters, bound, "a") || admits(counters, bound, "a") {
			t.Fatalf("%s does not admit exactly one", bound.Name)
		}
	}
	for _, set := range []time.Duration{-time.Second, -30 * time.Minute, 0} {
		kept := now.wall
		now.wall = now.wall.Add(set)
		if admits(counters, rate, "a") || admits(counters, quota, "a") {
			t.Errorf("with the clock set back by %s, one more is admitted", -set)
		}
		now.wall = kept
	}
	now.wall = now.wall.AddDate(1, 0, 0)
	if admits(counters, rate, "a") {
		t.Error("with the clock set forth, the rate admits one more")
	}
	if !admits(counters, quota, "a") || admits(counters, quota, "a") {
		t.Error("in another window, the quota does not admit exactly one")
	}
	now.wall = now.wall.AddDate(-1, 0, 0)
	if !admits(counters, quota, "a") || admits(counters, quota, "a") {
		t.Error("with the clock set right, the quota does not admit exactly one")
	}
}

// TestFlood: however many keys come, memory is bounded, and what is used up stays so; what has come back makes room.
func TestFlood(t *testing.T) {
	t.Parallel()
	for name, bound := range map[string]*Bound{
		"burst": NewRate("r", 1, time.Hour, 10), "one at once": NewRate("r", 1, time.Hour, 1), "quota": NewQuota("q", 10, Month), "quota of one": NewQuota("q", 1, Month),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 64 * 40
			counters, now := atClock(most)
			var victims []string
			for i := range 100 {
				victim := fmt.Sprint("victim", i)
				for admits(counters, bound, victim) {
				}
				victims = append(victims, victim)
			}
			for i := range 5 * most {
				admits(counters, bound, fmt.Sprint("flood", i))
			}
			for _, victim := range victims {
				if admits(counters, bound, victim) {
					t.Fatalf("%s is free again", victim)
				}
			}
			if got := counters.len(); got > most+shardCount {
				t.Errorf("%d counters", got)
			}
			now.sleep(32 * 24 * time.Hour)
			for i := range 5 * most {
				if !admits(counters, bound, fmt.Sprint("later", i)) && i < most/2 {
					t.Fatalf("later%d finds no room, though all has come back", i)
				}
			}
		})
	}
}

func (c *MemoryCounters) len() int {
	total := 0
	for i := range c.shards {
		total += len(c.shards[i].counters)
	}
	return total
}

// TestConcurrentTakes: takes of several keys at once, in any order, neither wait for each other in a circle nor count wrongly.
func TestConcurrentTakes(t *testing.T) {
	t.Parallel()
	counters, _ := atClock(10_000)
	const each, callers = 200, 8
	bounds := []*Bound{NewQuota("a", each*callers/2, Day), NewQuota("b", each*callers, Day)}
	var admitted [callers]int
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range each {
				takes := []Take{{Bound: bounds[0], Key: "x", Cost: 1}, {Bound: bounds[1], Key: strconv.Itoa(j % 7), Cost: 1}}
				if i%2 == 0 {
					takes[0], takes[1] = takes[1], takes[0]
				}
				if took, _ := counters.Take(t.Context(), takes); took {
					admitted[i]++
				}
			}
		})
	}
	all.Wait()
	total := 0
	for _, one := range admitted {
		total += one
	}
	if total != each*callers/2 {
		t.Errorf("%d admitted of %d", total, each*callers/2)
	}
	left := int64(0)
	for j := range 7 {
		takes := []Take{{Bound: bounds[1], Key: strconv.Itoa(j)}}
		_, _ = counters.Take(t.Context(), takes)
		left += takes[0].Remaining
	}
	if want := int64(7*each*callers - total); left != want {
		t.Errorf("%d are left, want %d: what was refused was counted", left, want)
	}
}

// BenchmarkTake is what two bounds in memory cost.
func BenchmarkTake(b *testing.B) {
	counters := NewMemoryCounters(100_000)
	rate, quota := NewRate("r", 1_000_000, time.Second, 1_000_000), NewQuota("q", 1_000_000_000, Month)
	b.ReportAllocs()
	for b.Loop() {
		takes := []Take{{Bound: rate, Key: "caller", Cost: 1}, {Bound: quota, Key: "caller", Cost: 1}}
		_, _ = counters.Take(b.Context(), takes)
	}
}
