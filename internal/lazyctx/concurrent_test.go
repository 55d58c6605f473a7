package lazyctx_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// TestEndConcurrently ends a scope from several goroutines at once, as calls do that fail at the same time, whatever it is in.
func TestEndConcurrently(t *testing.T) {
	t.Parallel()
	outer := lazyctx.NewScope(t.Context())
	defer outer.End()
	late := lazyctx.WithDeadline(outer, time.Now().Add(time.Hour))
	defer late.End()
	for name, parent := range map[string]context.Context{"standard": t.Context(), "scope": outer, "late": late} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // the parents end with the test
			for range 200 {
				scope := lazyctx.NewScope(parent)
				var called atomic.Int64
				hook := lazyctx.Hook{Call: func() { called.Add(1) }}
				hook.Attach(scope)
				var group sync.WaitGroup
				for range 4 {
					group.Go(scope.End)
				}
				group.Wait()
				if called.Load() != 1 || scope.Err() == nil {
					t.Fatalf("hook was called %d times, and the error is %v", called.Load(), scope.Err())
				}
			}
		})
	}
}
