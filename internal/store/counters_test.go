package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// everyCounters runs a test with counters in memory and in Redis. Sleep moves the clock of either.
func everyCounters(t *testing.T, test func(t *testing.T, counters store.Counters, sleep func(time.Duration))) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, store.NewMemoryCounters(1000), time.Sleep) })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		server := miniredis.RunT(t)
		now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // that of synctest
		server.SetTime(now)
		test(t, openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Counters(), func(d time.Duration) {
			now = now.Add(d)
			server.SetTime(now)
			server.FastForward(d)
		})
	})
}

// take takes from one counter.
func take(t *testing.T, counters store.Counters, bound *store.Bound, key string, cost int64) store.Take {
	t.Helper()
	takes := []store.Take{{Bound: bound, Key: key, Cost: cost}}
	took, err := counters.Take(t.Context(), takes)
	if err != nil {
		t.Fatal(err)
	}
	if took == takes[0].Refused {
		t.Fatalf("took = %v of %+v", took, takes[0])
	}
	return takes[0]
}

func wantTake(t *testing.T, what string, got store.Take, refused bool, remaining int64, reset, retry time.Duration) {
	t.Helper()
	if got.Refused != refused || got.Remaining != remaining || got.Reset != reset || got.Retry != retry {
		t.Errorf("%s: refused %v, remaining %d, reset %s, retry %s; want %v, %d, %s, %s",
			what, got.Refused, got.Remaining, got.Reset, got.Retry, refused, remaining, reset, retry)
	}
}

// TestRate: a burst at once, then one in each interval, and the time to wait is exact.
func TestRate(t *testing.T) {
	t.Parallel()
	everyCounters(t, func(t *testing.T, counters store.Counters, sleep func(time.Duration)) {
		t.Helper()
		bound := store.NewRate("r", 10, time.Second, 3)
		const interval = 100 * time.Millisecond
		wantTake(t, "first", take(t, counters, bound, "a", 1), false, 2, interval, 0)
		wantTake(t, "two more", take(t, counters, bound, "a", 2), false, 0, interval, 0)
		wantTake(t, "fourth", take(t, counters, bound, "a", 1), true, 0, interval, interval)
		wantTake(t, "one for two", take(t, counters, bound, "a", 2), true, 0, interval, 2*interval)
		wantTake(t, "another key", take(t, counters, bound, "b", 1), false, 2, interval, 0)
		sleep(interval - time.Millisecond)
		wantTake(t, "a moment early", take(t, counters, bound, "a", 1), true, 0, time.Millisecond, time.Millisecond)
		sleep(time.Millisecond)
		wantTake(t, "in time", take(t, counters, bound, "a", 1), false, 0, interval, 0)
		sleep(time.Hour)
		wantTake(t, "nothing", take(t, counters, bound, "a", 0), false, 3, 0, 0)
		wantTake(t, "all", take(t, counters, bound, "a", 3), false, 0, interval, 0)
		wantTake(t, "more than ever", take(t, counters, bound, "a", 4), true, 0, interval, 0)
		wantTake(t, "much more than ever", take(t, counters, bound, "a", math.MaxInt64), true, 0, interval, 0)
	})
}

// TestQuota: windows begin and end with the calendar: at the end of a year, and after a leap day.
func TestQuota(t *testing.T) {
	t.Parallel()
	date := func(year int, month time.Month, day, hour, minute int) time.Time {
		return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	}
	everyCounters(t, func(t *testing.T, counters store.Counters, sleep func(time.Duration)) {
		t.Helper()
		now := date(2000, 1, 1, 0, 0)
		for _, test := range []struct {
			window  store.Window
			at, end time.Time
		}{
			{store.Minute, date(2000, 1, 1, 0, 0), date(2000, 1, 1, 0, 1)},
			{store.Hour, date(2000, 1, 1, 0, 30), date(2000, 1, 1, 1, 0)},
			{store.Month, date(2000, 1, 31, 23, 59), date(2000, 2, 1, 0, 0)},
			{store.Day, date(2000, 2, 28, 12, 0), date(2000, 2, 29, 0, 0)},
			{store.Day, date(2000, 2, 29, 12, 0), date(2000, 3, 1, 0, 0)},
			{store.Month, date(2001, 2, 28, 1, 0), date(2001, 3, 1, 0, 0)},
			{store.Minute, date(2001, 12, 31, 23, 59), date(2002, 1, 1, 0, 0)},
			{store.Hour, date(2002, 12, 31, 23, 59), date(2003, 1, 1, 0, 0)},
			{store.Day, date(2003, 12, 31, 23, 59), date(2004, 1, 1, 0, 0)},
			{store.Month, date(2004, 2, 29, 23, 59), date(2004, 3, 1, 0, 0)},
			{store.Month, date(2004, 12, 31, 23, 59), date(2005, 1, 1, 0, 0)},
		} {
			if _, isMemory := counters.(*store.MemoryCounters); !isMemory && test.window == store.Month {
				continue // TestQuotaMonth: the caller's clock has a part in it
			}
			sleep(test.at.Sub(now))
			now = test.at
			bound, left := store.NewQuota(fmt.Sprint("q", test.window, test.at), 3, test.window), test.end.Sub(now)
			what := fmt.Sprint(test.at)
			wantTake(t, what, take(t, counters, bound, "a", 2), false, 1, left, 0)
			wantTake(t, what, take(t, counters, bound, "a", 2), true, 1, left, left)
			wantTake(t, what, take(t, counters, bound, "a", 1), false, 0, left, 0)
			wantTake(t, what, take(t, counters, bound, "a", 1), true, 0, left, left)
			wantTake(t, what, take(t, counters, bound, "a", 4), true, 0, left, 0)
			wantTake(t, what, take(t, counters, bound, "a", math.MaxInt64), true, 0, left, 0)
			sleep(left)
			now = test.end
			if got := take(t, counters, bound, "a", 3); got.Refused {
				t.Errorf("%s: the next window is %+v", what, got)
			}
		}
	})
}

// TestQuotaMonth: Redis's clock decides the month, wherever in its month the caller's is.
func TestQuotaMonth(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	counters := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Counters()
	year, month, _ := time.Now().UTC().Date()
	for i := range time.Month(2) {
		end := time.Date(year, month+i, 1, 0, 0, 0, 0, time.UTC)
		server.SetTime(end.Add(-time.Minute))
		bound := store.NewQuota(fmt.Sprint("q", i), 1, store.Month)
		wantTake(t, "before its end", take(t, counters, bound, "a", 1), false, 0, time.Minute, 0)
		wantTake(t, "before its end", take(t, counters, bound, "a", 1), true, 0, time.Minute, time.Minute)
		server.SetTime(end)
		if got := take(t, counters, bound, "a", 1); got.Refused {
			t.Errorf("the next month is %+v", got)
		}
	}
}

// TestAllOrNothing: what one bound refuses is taken of no other.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	everyCounters(t, func(t *testing.T, counters store.Counters, _ func(time.Duration)) {
		t.Helper()
		wide, narrow := store.NewQuota("wide", 100, store.Day), store.NewRate("narrow", 1, time.Second, 5)
		admitted := 0
		for range 10 {
			takes := []store.Take{{Bound: wide, Key: "a", Cost: 2}, {Bound: narrow, Key: "b", Cost: 1}}
			took, err := counters.Take(t.Context(), takes)
			if err != nil {
				t.Fatal(err)
			}
			if took {
				admitted++
			}
			if takes[0].Refused || takes[0].Remaining != int64(100-2*admitted) || takes[1].Refused == took {
				t.Errorf("took = %v of %+v", took, takes)
			}
		}
		if admitted != 5 {
			t.Errorf("%d admitted", admitted)
		}
		takes := []store.Take{{Bound: wide, Key: "a", Cost: 2}, {Bound: narrow, Key: "b", Cost: 1}}
		counters.GiveBack(t.Context(), takes)
		if took, err := counters.Take(t.Context(), takes); err != nil || !took || takes[0].Remaining != 90 || takes[1].Remaining != 0 {
			t.Errorf("given back, took = %v of %+v, error %v", took, takes, err)
		}
		for range 10 {
			counters.GiveBack(t.Context(), takes) // more than was taken
		}
		if got := take(t, counters, wide, "a", 0); got.Remaining != 100 {
			t.Errorf("given back too often, there is %+v", got)
		}
	})
}

// TestChanged: a bound that a reload has changed holds from the next call on.
func TestChanged(t *testing.T) {
	t.Parallel()
	everyCounters(t, func(t *testing.T, counters store.Counters, _ func(time.Duration)) {
		t.Helper()
		take(t, counters, store.NewRate("r", 1, time.Second, 100), "a", 90)
		wantTake(t, "lower", take(t, counters, store.NewRate("r", 1, time.Second, 10), "a", 1), true, 0, 81*time.Second, 81*time.Second)
		wantTake(t, "another kind", take(t, counters, store.NewQuota("r", 5, store.Day), "a", 1), false, 4, 24*time.Hour, 0)
	})
}

// TestChangedRate: who has used up a rate is free again when it is raised, as far as the number of what was taken goes; and whoever is
// refused after a change is told the truth about when to come again.
func TestChangedRate(t *testing.T) {
	t.Parallel()
	everyCounters(t, func(t *testing.T, counters store.Counters, sleep func(time.Duration)) {
		t.Helper()
		slow, fast := store.NewRate("r", 2, time.Hour, 2), store.NewRate("r", 10, time.Second, 10)
		take(t, counters, slow, "a", 2)
		wantTake(t, "raised", take(t, counters, fast, "a", 1), false, 7, 100*time.Millisecond, 0)
		for i, bounds := range [][2]*store.Bound{
			{slow, fast}, {fast, slow}, {store.NewRate("r", 1, time.Second, 100), store.NewRate("r", 1, time.Second, 10)},
			{store.NewRate("r", 100, time.Hour, 50), store.NewRate("r", 1, time.Second, 5)}, {slow, store.NewRate("r", 3, time.Hour, 2)},
		} {
			key := fmt.Sprint("key ", i)
			take(t, counters, bounds[0], key, bounds[0].Most())
			got := take(t, counters, bounds[1], key, bounds[1].Most())
			if got.Retry == 0 && got.Refused {
				t.Fatalf("%d: %+v", i, got)
			}
			sleep(got.Retry - time.Microsecond)
			if got.Refused && !take(t, counters, bounds[1], key, bounds[1].Most()).Refused {
				t.Errorf("%d: admitted before %s", i, got.Retry)
			}
			sleep(time.Microsecond)
			if again := take(t, counters, bounds[1], key, bounds[1].Most()); got.Refused && again.Refused {
				t.Errorf("%d: refused after %s, and then for %s", i, got.Retry, again.Retry)
			}
		}
	})
}

// TestRateAdmits: random arrivals and costs. In no stretch of time is more admitted than the burst and what comes in that time; and
// nothing is refused for which a bucket that fills evenly would have enough.
func TestRateAdmits(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			count, burst := 1+random.Int64N(1000), 1+random.Int64N(50)
			per := []time.Duration{time.Second, time.Minute, time.Hour}[random.IntN(3)]
			bound, counters := store.NewRate("r", count, per, burst), store.NewMemoryCounters(10)
			interval, bucket, last := float64(per)/float64(count), float64(burst), time.Now()
			const rounding = 1e-3 // an interval is rounded up to nanoseconds
			type admission struct {
				at   time.Time
				cost int64
			}
			var admitted []admission
			for range 600 {
				time.Sleep(time.Duration(random.ExpFloat64() * interval / 3))
				bucket, last = min(float64(burst), bucket+float64(time.Since(last))/interval), time.Now()
				cost := 1 + random.Int64N(min(burst, 3))
				if take(t, counters, bound, "a", cost).Refused {
					if bucket > float64(cost)+rounding {
						t.Fatalf("seed %d: %d refused, though there are %f", seed, cost, bucket)
					}
					continue
				}
				bucket -= float64(cost)
				admitted = append(admitted, admission{last, cost})
			}
			for from := range admitted {
				sum := int64(0)
				for _, one := range admitted[from:] {
					sum += one.cost
					if most := float64(burst) + float64(one.at.Sub(admitted[from].at))/interval; float64(sum) > most+1e-6 {
						t.Fatalf("seed %d: %d admitted, at most %f may be", seed, sum, most)
					}
				}
			}
			if len(admitted) < 100 {
				t.Errorf("seed %d: no more than %d admitted", seed, len(admitted))
			}
		})
	}
}

// TestHugeBounds: nothing overflows.
func TestHugeBounds(t *testing.T) {
	t.Parallel()
	everyCounters(t, func(t *testing.T, counters store.Counters, sleep func(time.Duration)) {
		t.Helper()
		for i, bound := range []*store.Bound{
			store.NewRate("1", math.MaxInt64, time.Second, math.MaxInt64), store.NewRate("2", 1, math.MaxInt64, math.MaxInt64),
			store.NewRate("3", 0, 0, 0), store.NewQuota("4", math.MaxInt64, store.Month), store.NewQuota("5", -1, store.Minute),
		} {
			if got := take(t, counters, bound, "a", bound.Most()); got.Refused || got.Remaining != 0 || got.Reset <= 0 {
				t.Errorf("%d: all of it: %+v", i, got)
			}
			if got := take(t, counters, bound, "a", 1); !got.Refused || got.Retry <= 0 || got.Retry > 31*24*time.Hour {
				t.Errorf("%d: one more: %+v", i, got)
			}
			sleep(time.Minute)
		}
	})
}

// TestRedisCounterKeys: nothing of a key is in Redis, and nothing stays longer than it counts.
func TestRedisCounterKeys(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	counters := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Counters()
	take(t, counters, store.NewRate("r", 1, time.Second, 10), strings.Repeat("canary", 1000), 5)
	take(t, counters, store.NewQuota("q", 1, store.Minute), "canary", 1)
	if len(server.Keys()) != 2 {
		t.Errorf("keys = %q", server.Keys())
	}
	for _, key := range server.Keys() {
		if strings.Contains(key, "canary") || len(key) > 60 || server.TTL(key) <= 0 || server.TTL(key) > time.Minute {
			t.Errorf("%s stays for %s", key, server.TTL(key))
		}
	}
}

// TestRedisClockSet: a Redis whose clock is set back lets nobody in twice, and keeps nobody out for longer than an hour and what a burst takes to come back; one whose clock was
// far ahead for a while begins again.
func TestRedisClockSet(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	counters := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Counters()
	rate, quota := store.NewRate("r", 1, time.Hour, 1), store.NewQuota("q", 1, store.Hour)
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		at                  time.Time
		rateFree, quotaFree bool
	}{
		{noon, true, true}, {noon, false, false}, {noon.Add(-time.Second), false, false}, {noon.Add(-59 * time.Minute), false, false},
		{noon.Add(59 * time.Minute), false, false}, {noon.Add(time.Hour), true, true},
		{noon.AddDate(1, 0, 0), true, true}, {noon.Add(3 * time.Hour), false, true}, {noon.Add(3 * time.Hour), false, false},
		{noon.Add(5*time.Hour - time.Second), false, true}, {noon.Add(5 * time.Hour), true, true},
	} {
		server.SetTime(step.at)
		if got := take(t, counters, rate, "a", 1); got.Refused == step.rateFree || got.Retry > 2*time.Hour {
			t.Errorf("rate at %s: %+v", step.at, got)
		}
		if got := take(t, counters, quota, "a", 1); got.Refused == step.quotaFree || got.Retry > 2*time.Hour {
			t.Errorf("quota at %s: %+v", step.at, got)
		}
	}
}

// TestRedisCountersAway: a Redis that is away is an error at once, and a caller who has left says nothing about it.
func TestRedisCountersAway(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	logged := &logs{}
	counters := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, Logger: logged.logger()}).Counters()
	bound := store.NewRate("r", 1, time.Second, 10)
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := counters.Take(left, []store.Take{{Bound: bound}}); err == nil || strings.Contains(err.Error(), "away") {
		t.Errorf("error = %v", err)
	}
	server.Close()
	for range 10 {
		if _, err := counters.Take(withDeadline(t), []store.Take{{Bound: bound}}); err == nil || !strings.Contains(err.Error(), "away") {
			t.Errorf("error = %v", err)
		}
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		took, err := counters.Take(withDeadline(t), []store.Take{{Bound: bound, Cost: 1}})
		return took && err == nil
	})
	if strings.Count(logged.String(), "redis is away") != 1 {
		t.Errorf("logged %s", logged)
	}
}
