package lazyctx_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// TestErrAtDeadline: the time is up when the deadline has passed, also where the timer that is waited for has not yet fired.
func TestErrAtDeadline(t *testing.T) {
	t.Parallel()
	const times = 100
	for range times {
		at := time.Now().Add(100 * time.Microsecond)
		late := lazyctx.WithDeadline(t.Context(), at)
		defer late.End()
		_ = late.Done()
		for time.Now().Before(at) { // to sleep would let the timer fire
		}
		if err := late.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after the deadline the error is %v", err)
		}
	}
}
