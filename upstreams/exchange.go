package upstreams

import (
	"context"
	"net/http"
	"time"
)

// call makes a call, or a part of one. The error is an *Error.
type call func(context.Context, exchange) (*Answer, error)

// exchange is a call under way.
type exchange struct {
	*Request
	// until is when it must have ended; zero for no bound besides the context.
	until time.Time
	// tried are the addresses that its requests went to, and to is that of the one under way.
	tried *tried
	to    *address
	// conditions are those under which an answer that is kept is still good: then the answer is a 304. Nil for none.
	conditions http.Header
	// carried are secrets in the request besides those that it is signed with.
	carried secrets
}

// bounded is the shorter of a time and of what is left.
func (e exchange) bounded(limit time.Duration) time.Duration {
	if e.until.IsZero() {
		return limit
	}
	return min(limit, time.Until(e.until))
}

// fits reports whether a wait leaves time for a request after it.
func (e exchange) fits(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	return e.until.IsZero() || time.Until(e.until) > wait
}
