package upstreams

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// TestEnded: an attempt whose time was up is a timeout, also if all that is told is that its connection is closed.
func TestEnded(t *testing.T) {
	t.Parallel()
	client := create(t, Config{Name: "things", BaseURL: "http://things.test"})
	attempt, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, err := range []error{net.ErrClosed, context.DeadlineExceeded} {
		failure := client.broken(t.Context(), time.Unix(0, 0), thing(), ended(attempt, err))
		if failure.Kind != KindTimeout || !errors.Is(failure, context.DeadlineExceeded) {
			t.Errorf("%v: kind %s, error %v", err, failure.Kind, failure)
		}
	}
	if err := ended(t.Context(), net.ErrClosed); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v before the time was up", err)
	}
}
