package load

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Closed is a closed loop: each caller makes its next call when the one before was answered, until time is over. Calls under way are
// waited for, and count. The first error ends it.
func Closed(callers []Caller, length time.Duration) (calls int, took time.Duration, _ error) {
	var (
		group errgroup.Group
		count atomic.Int64
		stop  atomic.Bool
	)
	started := time.Now()
	timer := time.AfterFunc(length, func() { stop.Store(true) })
	defer timer.Stop()
	for _, caller := range callers {
		group.Go(func() error {
			for !stop.Load() {
				if _, err := caller.Call(); err != nil {
					stop.Store(true)
					return err
				}
				count.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return int(count.Load()), time.Since(started), err
}
