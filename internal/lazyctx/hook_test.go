package lazyctx_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// TestHooks attaches hooks to every kind of context, and ends each in every way.
func TestHooks(t *testing.T) {
	t.Parallel()
	ends := map[string]func(cancellable *lazyctx.Cancellable, cancel context.CancelFunc){
		"it ends":     func(cancellable *lazyctx.Cancellable, _ context.CancelFunc) { cancellable.End() },
		"parent ends": func(_ *lazyctx.Cancellable, cancel context.CancelFunc) { cancel() },
		"twice": func(cancellable *lazyctx.Cancellable, cancel context.CancelFunc) {
			cancel()
			cancellable.End()
			cancellable.End()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				cancellable := lazyctx.WithCancel(parent)
				defer cancellable.End()
				late := lazyctx.WithDeadline(lazyctx.WithDeadline(cancellable, time.Now().Add(time.Hour)), time.Now().Add(time.Minute))
				other, release := context.WithCancel(cancellable)
				defer release()
				within := lazyctx.WithCancel(lazyctx.WithValue(late, key{}, 1))
				defer within.End()
				var called [6]int
				var hooks [len(called)]lazyctx.Hook
				for i, ctx := range []context.Context{cancellable, late, other, cancellable, cancellable, within} {
					hooks[i].Call = func() { called[i]++ }
					hooks[i].Attach(ctx)
				}
				if !hooks[3].Detach() || hooks[3].Detach() {
					t.Error("a hook was not detached once")
				}
				end(cancellable, cancel)
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
	cancellable := lazyctx.WithCancel(lazyctx.WithValue(bounded, key{}, 1))
	defer cancellable.End()
	for _, ctx := range []context.Context{bounded, cancellable} {
		if at := lazyctx.Deadline(ctx); !at.Equal(sooner) {
			t.Errorf("deadline %s, want that of the parent, %s", at, sooner)
		}
	}
}

// TestAllocations bounds what an attached hook, and a deadline that nobody waits for, cost.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	cancellable := lazyctx.WithCancel(t.Context())
	defer cancellable.End()
	hook, at := lazyctx.Hook{Call: func() {}}, time.Now().Add(time.Hour)
	if got := testing.AllocsPerRun(100, func() {
		late := lazyctx.WithDeadline(cancellable, at)
		hook.Attach(late)
		hook.Detach()
		late.End()
	}); got > 1 {
		t.Errorf("%v allocations, want that of the context alone", got)
	}
}
