package lazyctx_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

type key struct{}

// TestDeadline compares a context whose timer is started late with one of the standard library, whoever waits for it and whatever ends it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	waits := map[string]func(context.Context){
		"nobody":  func(context.Context) {},
		"once":    func(ctx context.Context) { ctx.Done() },
		"derived": func(ctx context.Context) { context.AfterFunc(context.WithValue(ctx, key{}, 1), func() {}) },
	}
	for name, wait := range waits {
		for _, test := range []struct {
			name string
			// own is the deadline, and parent that of the parent, of which cancel makes an end; all count from the start.
			own, parent, cancel time.Duration
		}{
			{"deadline", time.Second, time.Minute, 0},
			{"deadline of the parent", time.Minute, time.Second, 0},
			{"end of the parent", time.Minute, time.Hour, time.Second},
			{"past", -time.Second, time.Minute, 0},
		} {
			t.Run(name+", "+test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					parent, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "value"), start.Add(test.parent))
					defer cancel()
					if test.cancel > 0 {
						time.AfterFunc(test.cancel, cancel)
					}
					want, release := context.WithDeadline(parent, start.Add(test.own))
					defer release()
					got := lazyctx.WithDeadline(parent, start.Add(test.own))
					defer got.End()
					wait(got)
					for _, at := range []time.Duration{0, time.Second - 1, time.Second, time.Minute} {
						time.Sleep(at - time.Since(start))
						synctest.Wait()
						compare(t, got, want, at)
					}
					<-got.Done()
					compare(t, got, want, time.Minute)
				})
			})
		}
	}
}

func compare(t *testing.T, got, want context.Context, at time.Duration) { //nolint:revive // two of them are compared
	t.Helper()
	gotAt, gotOK := got.Deadline()
	wantAt, wantOK := want.Deadline()
	if !gotAt.Equal(wantAt) || gotOK != wantOK {
		t.Errorf("after %s: deadline %s %t, want %s %t", at, gotAt, gotOK, wantAt, wantOK)
	}
	if !errors.Is(got.Err(), want.Err()) || (got.Err() == nil) != (want.Err() == nil) {
		t.Errorf("after %s: %v, want %v", at, got.Err(), want.Err())
	}
	if cause := context.Cause(got); !errors.Is(cause, context.Cause(want)) {
		t.Errorf("after %s: cause %v, want %v", at, cause, context.Cause(want))
	}
	if got.Value(key{}) != want.Value(key{}) {
		t.Errorf("after %s: value %v, want %v", at, got.Value(key{}), want.Value(key{}))
	}
}

// TestDerived shows that contexts which derive from a late one need no goroutine to end with it.
func TestDerived(t *testing.T) { //nolint:paralleltest // it counts goroutines
	synctest.Test(t, func(t *testing.T) {
		parent := lazyctx.NewScope(t.Context())
		defer parent.End()
		late := lazyctx.WithDeadline(parent, time.Now().Add(time.Second))
		defer late.End()
		before := runtime.NumGoroutine()
		derived, cancel := context.WithCancel(context.WithValue(late, key{}, 1))
		defer cancel()
		if after := runtime.NumGoroutine(); after != before {
			t.Errorf("%d goroutines, want %d", after, before)
		}
		<-derived.Done()
		if err := derived.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v, want the deadline", err)
		}
	})
}

// TestHooks attaches hooks to every kind of context, and ends each in every way.
func TestHooks(t *testing.T) {
	t.Parallel()
	ends := map[string]func(scope *lazyctx.Scope, cancel context.CancelFunc){
		"scope ends":  func(scope *lazyctx.Scope, _ context.CancelFunc) { scope.End() },
		"parent ends": func(_ *lazyctx.Scope, cancel context.CancelFunc) { cancel() },
		"twice":       func(scope *lazyctx.Scope, cancel context.CancelFunc) { cancel(); scope.End(); scope.End() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				scope := lazyctx.NewScope(parent)
				defer scope.End()
				late := lazyctx.WithDeadline(lazyctx.WithDeadline(scope, time.Now().Add(time.Hour)), time.Now().Add(time.Minute))
				other, release := context.WithCancel(scope)
				defer release()
				within := lazyctx.NewScope(lazyctx.WithValue(late, key{}, 1))
				defer within.End()
				var called [6]int
				var hooks [len(called)]lazyctx.Hook
				for i, ctx := range []context.Context{scope, late, other, scope, scope, within} {
					hooks[i].Call = func() { called[i]++ }
					hooks[i].Attach(ctx)
				}
				if !hooks[3].Detach() || hooks[3].Detach() {
					t.Error("a hook was not detached once")
				}
				end(scope, cancel)
				synctest.Wait()
				if called != [...]int{1, 1, 1, 0, 1, 1} {
					t.Errorf("called %v times, want once each but that which was detached", called)
				}
				for i := range hooks {
					if hooks[i].Detach() {
						t.Errorf("hook %d was detached after its end", i)
					}
				}
				if hooks[3].Attach(late); called[3] != 1 {
					t.Error("a hook was not called that came after the end")
				}
				if hooks[3].Detach() {
					t.Error("a hook was detached that had been called")
				}
			})
		})
	}
}

// TestHookDeadline says what those who attach hooks have to watch themselves.
func TestHookDeadline(t *testing.T) {
	t.Parallel()
	sooner, later := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), sooner)
	defer cancel()
	if at := lazyctx.Deadline(ctx); !at.IsZero() {
		t.Errorf("deadline %s of a context that watches itself, want none", at)
	}
	if at := lazyctx.Deadline(lazyctx.WithDeadline(t.Context(), later)); !at.Equal(later) {
		t.Errorf("deadline %s, want %s", at, later)
	}
	bounded := lazyctx.WithDeadline(lazyctx.WithDeadline(ctx, later), later)
	scope := lazyctx.NewScope(lazyctx.WithValue(bounded, key{}, 1))
	defer scope.End()
	for _, ctx := range []context.Context{bounded, scope} {
		if at := lazyctx.Deadline(ctx); !at.Equal(sooner) {
			t.Errorf("deadline %s, want that of the parent, %s", at, sooner)
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

// TestAllocations bounds what an attached hook, and a deadline that nobody waits for, cost.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	scope := lazyctx.NewScope(t.Context())
	defer scope.End()
	hook, at := lazyctx.Hook{Call: func() {}}, time.Now().Add(time.Hour)
	if got := testing.AllocsPerRun(100, func() {
		late := lazyctx.WithDeadline(scope, at)
		hook.Attach(late)
		hook.Detach()
		late.End()
	}); got > 1 {
		t.Errorf("%v allocations, want that of the context alone", got)
	}
}
