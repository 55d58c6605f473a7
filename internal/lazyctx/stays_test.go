package lazyctx_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// TestErrStays: why a context ended does not change, whatever ends afterwards, and whoever begins to wait then.
func TestErrStays(t *testing.T) {
	t.Parallel()
	for _, look := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithCancel(t.Context())
			defer cancel()
			late := lazyctx.WithDeadline(parent, time.Now().Add(time.Second))
			scope := lazyctx.NewScope(late)
			defer scope.End()
			if look {
				time.Sleep(time.Second)
				if err := late.Err(); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("ended with %v, want the deadline", err)
				}
			} else {
				late.End()
			}
			want := late.Err()
			cancel()
			synctest.Wait()
			late.End()
			for range 2 {
				if !errors.Is(late.Err(), want) || !errors.Is(scope.Err(), want) {
					t.Errorf("ended with %v, in the scope %v, want %v", late.Err(), scope.Err(), want)
				}
				late.Done()
			}
		})
	}
}
