package aggregate

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// TestOutOfTimeWithin: that an RPC was out of its own time does not say that the one that called it is.
func TestOutOfTimeWithin(t *testing.T) {
	t.Parallel()
	inner := &Failure{Reason: plan.ReasonTimeout, OutOfTime: true}
	outer := failureOf(&CallError{Failure: inner})
	if outer.Reason != plan.ReasonTimeout || outer.OutOfTime || !inner.OutOfTime {
		t.Errorf("outer: %s, out of time %t; inner: out of time %t", outer.Reason, outer.OutOfTime, inner.OutOfTime)
	}
}
