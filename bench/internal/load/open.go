package load

import (
	"context"
	"math"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Open is an open loop: calls begin at a fixed rate, whether or not those before were answered. Each latency counts from when its call
// was to begin, so that time in which no caller was free is not left out (coordinated omission). They are returned in ascending order.
func Open(ctx context.Context, callers []Caller, perSecond float64, length time.Duration) ([]time.Duration, error) {
	count := int(perSecond * length.Seconds())
	due := make(chan time.Time, count) // room for all: the clock waits for nobody
	latencies := make([][]time.Duration, len(callers))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { defer close(due); return tick(ctx, due, count, perSecond) })
	for i, caller := range callers {
		group.Go(func() (err error) {
			latencies[i], err = follow(due, caller)
			return err
		})
	}
	err := group.Wait()
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return all, err
}

// follow makes a call for each time that is due, and returns how long after it each was answered.
func follow(due <-chan time.Time, caller Caller) (latencies []time.Duration, _ error) {
	for at := range due {
		if _, err := caller.Call(); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(at))
	}
	return latencies, nil
}

// tick sends the times at which calls are to begin, each when it has come. It sleeps in the system, on a thread of its own: timers of the
// runtime may be a millisecond late.
func tick(ctx context.Context, due chan<- time.Time, count int, perSecond float64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	started := time.Now()
	for i := range count {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := started.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			rest := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&rest, nil) // what is left after a signal is slept again
		}
		due <- at
	}
	return nil
}

// Percentile is the smallest latency that this share, up to 1, of all does not exceed; they are in ascending order.
func Percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	index := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(index, 0), len(sorted)-1)]
}
