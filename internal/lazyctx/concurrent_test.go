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

// TestEndConcurrently ends a context from several goroutines at once, as calls do that fail at the same time, whatever it is in.
func TestEndConcurrently(t *testing.T) {
	t.Parallel()
	outer := lazyctx.WithCancel(t.Context())
	defer outer.End()
	late := lazyctx.WithDeadline(outer, time.Now().Add(time.Hour))
	defer late.End()
	for name, parent := range map[string]context.Context{"standard": t.Context(), "cancellable": outer, "late": late} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // the parents end with the test
			for range 200 {
				cancellable := lazyctx.WithCancel(parent)
				var called atomic.Int64
				hook := lazyctx.Hook{Call: func() { called.Add(1) }}
				hook.Attach(cancellable)
				var group sync.WaitGroup
				for range 4 {
					group.Go(cancellable.End)
				}
				group.Wait()
				if called.Load() != 1 || cancellable.Err() == nil {
					t.Fatalf("hook was called %d times, and the error is %v", called.Load(), cancellable.Err())
				}
			}
		})
	}
}

// TestConcurrently ends contexts while others use them. Each has ended then, for all the same reason.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	for range 200 {
		cancellable := lazyctx.WithCancel(t.Context())
		late := lazyctx.WithDeadline(cancellable, time.Now().Add(time.Hour))
		var group sync.WaitGroup
		for _, ctx := range []context.Context{cancellable, late} {
			group.Go(func() { <-ctx.Done() })
			group.Go(func() {
				for ctx.Err() == nil && ctx.Value(key{}) == nil {
					runtime.Gosched()
				}
			})
		}
		group.Go(late.End)
		group.Go(cancellable.End)
		group.Wait()
		if !errors.Is(cancellable.Err(), context.Canceled) || !errors.Is(late.Err(), context.Canceled) {
			t.Fatalf("ended with %v and %v", cancellable.Err(), late.Err())
		}
	}
}

// TestHooksConcurrently attaches and detaches while a context ends. Each hook is called or detached, and never both.
func TestHooksConcurrently(t *testing.T) {
	t.Parallel()
	for range 200 {
		cancellable := lazyctx.WithCancel(t.Context())
		var group sync.WaitGroup
		var called, detached atomic.Int64
		const hooks = 8
		for range hooks {
			group.Go(func() {
				hook := lazyctx.Hook{Call: func() { called.Add(1) }}
				hook.Attach(cancellable)
				runtime.Gosched()
				if hook.Detach() {
					detached.Add(1)
				}
			})
		}
		cancellable.End()
		group.Wait()
		if sum := called.Load() + detached.Load(); sum != hooks {
			t.Fatalf("%d hooks were called and %d detached, of %d", called.Load(), detached.Load(), hooks)
		}
	}
}
