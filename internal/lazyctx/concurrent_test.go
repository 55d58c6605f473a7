package lazyctx_test

import (
	"context"
	"errors"
	"runtime"
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

// TestConcurrently ends contexts while others use them. Each has ended then, for all the same reason.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	for range 200 {
		scope := lazyctx.NewScope(t.Context())
		late := lazyctx.WithDeadline(scope, time.Now().Add(time.Hour))
		var group sync.WaitGroup
		for _, ctx := range []context.Context{scope, late} {
			group.Go(func() { <-ctx.Done() })
			group.Go(func() {
				for ctx.Err() == nil && ctx.Value(key{}) == nil {
					runtime.Gosched()
				}
			})
		}
		group.Go(late.End)
		group.Go(scope.End)
		group.Wait()
		if !errors.Is(scope.Err(), context.Canceled) || !errors.Is(late.Err(), context.Canceled) {
			t.Fatalf("ended with %v and %v", scope.Err(), late.Err())
		}
	}
}

// TestHooksConcurrently attaches and detaches while a scope ends. Each hook is called or detached, and never both.
func TestHooksConcurrently(t *testing.T) {
	t.Parallel()
	for range 200 {
		scope := lazyctx.NewScope(t.Context())
		var group sync.WaitGroup
		var called, detached atomic.Int64
		const hooks = 8
		for range hooks {
			group.Go(func() {
				hook := lazyctx.Hook{Call: func() { called.Add(1) }}
				hook.Attach(scope)
				runtime.Gosched()
				if hook.Detach() {
					detached.Add(1)
				}
			})
		}
		scope.End()
		group.Wait()
		if sum := called.Load() + detached.Load(); sum != hooks {
			t.Fatalf("%d hooks were called and %d detached, of %d", called.Load(), detached.Load(), hooks)
		}
	}
}
