package lazyctx_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// TestErrAtDeadline: the time is up when the deadline has passed, also where the timer that is waited for has not yet fired, and who ends the
// context then does not change why it ended.
func TestErrAtDeadline(t *testing.T) {
	t.Parallel()
	const times = 100
	for range times {
		at := time.Now().Add(100 * time.Microsecond)
		late := lazyctx.WithDeadline(t.Context(), at)
		_ = late.Done()
		for time.Now().Before(at) { // to sleep would let the timer fire
		}
		before := late.Err()
		late.End()
		if after := late.Err(); !errors.Is(before, context.DeadlineExceeded) || !errors.Is(after, context.DeadlineExceeded) {
			t.Fatalf("after the deadline the error is %v, and %v after the end", before, after)
		}
	}
}

// TestDerived shows that contexts which derive from a late one need no goroutine to end with it.
func TestDerived(t *testing.T) { //nolint:paralleltest // it counts goroutines
	synctest.Test(t, func(t *testing.T) {
		parent := lazyctx.WithCancel(t.Context())
		defer parent.End()
		late := lazyctx.WithDeadline(parent, time.Now().Add(time.Second))
		defer late.End()
		const many = 100 // so that a goroutine that an earlier test has left does not count
		before := runtime.NumGoroutine()
		var all []context.Context
		for range many {
			derived, cancel := context.WithCancel(context.WithValue(late, key{}, 1))
			defer cancel()
			all = append(all, derived)
		}
		if more := runtime.NumGoroutine() - before; more >= many/2 {
			t.Errorf("%d contexts have %d goroutines, want none", many, more)
		}
		for _, ctx := range all {
			if <-ctx.Done(); !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("ended with %v, want the deadline", ctx.Err())
			}
		}
	})
}
