package upstreams

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Kind says why a call gave no answer.
type Kind string

// The kinds. Unavailable, timeout, rate limited, overloaded and no token may pass by themselves.
const (
	KindUnavailable  Kind = "unavailable"  // no connection, a connection lost, 408, 502 to 504, or an open breaker
	KindTimeout      Kind = "timeout"      // no answer in time
	KindRateLimited  Kind = "rate limited" // 429
	KindFailed       Kind = "failed"       // any other 5xx
	KindNotFound     Kind = "not found"    // 404 or 410
	KindConflict     Kind = "conflict"     // 409
	KindPrecondition Kind = "precondition" // 412
	KindRejected     Kind = "rejected"     // 400 or 422
	KindCredentials  Kind = "credentials"  // 401 or 403; or nothing was sent, for want of the account's or the caller's credentials
	KindToken        Kind = "no token"     // nothing was sent: the authorization server gave no token to sign the request with
	KindBadAnswer    Kind = "bad answer"   // another status, or a body that cannot be read
	KindAddress      Kind = "address"      // nothing was sent: the upstream's address is one that it may not have
	KindOverloaded   Kind = "overloaded"   // nothing was sent: too many requests to the upstream are under way or wait
	KindBadRequest   Kind = "bad request"  // nothing was sent: a header or a path that HTTP cannot carry
)

// Error says why a call gave no answer. Its text is for logs: it names the upstream and what it said.
type Error struct {
	Upstream string
	Call     string
	Kind     Kind
	// Status is the answer's, or 0.
	Status int
	// RetryAfter is how long to wait before another try; 0 if that is unknown.
	RetryAfter time.Duration
	Err        error
	// Answer is what the upstream said; nil if it said nothing.
	Answer *Answer
	// Unsent is set if it is certain that nothing was sent: the breaker is open, or there was no connection.
	Unsent bool
	// given is set if the caller gave up, or there was no room for the answer: the upstream is not to blame. refused is set if trying
	// again at once is no use: it was not even tried, or the server is not one to trust.
	given, refused bool
	// said is what the answer says of the upstream's health.
	said verdict
}

// Error names the upstream and the cause.
func (e *Error) Error() string { return fmt.Sprintf("call %s: %v", e.Upstream, e.Err) }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call may succeed later.
func (e *Error) Retryable() bool {
	if e.said.known {
		return e.said.mayPass
	}
	switch e.Kind {
	case KindUnavailable, KindTimeout, KindRateLimited, KindOverloaded, KindToken:
		return true
	default:
		return false
	}
}

func (c *Client) fail(request *Request, kind Kind, err error) *Error {
	return &Error{Upstream: c.config.Name, Call: request.Name, Kind: kind, Err: fmt.Errorf("%s %s: %w", request.Method, request.Template, err)}
}

// broken is the error of a call without a whole answer: the caller gave up, the time was up, or the connection broke. That the
// time was up speaks against the upstream only if it had at least half of its own, which is what enough says: callers in a
// hurry, and tries for which little is left, must not open the breaker, and an upstream that hangs must.
func (c *Client) broken(ctx context.Context, enough time.Time, request *Request, err error) *Error {
	var failure *Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		failure = c.fail(request, KindUnavailable, fmt.Errorf("caller gave up: %w", context.Canceled))
		failure.given = true
	case errors.Is(err, errNoRoom): // which says nothing about the upstream
		failure = c.fail(request, KindTimeout, fmt.Errorf("no room for the answer in time: %w", context.DeadlineExceeded))
		failure.given = true
	case ctx.Err() != nil:
		failure = c.fail(request, KindTimeout, fmt.Errorf("no answer before the caller's deadline: %w", context.DeadlineExceeded))
		failure.given = time.Now().Before(enough)
	case errors.Is(err, context.DeadlineExceeded):
		failure = c.fail(request, KindTimeout, fmt.Errorf("no answer in time: %w", context.DeadlineExceeded))
		failure.given = time.Now().Before(enough)
	case errors.Is(err, errRefusedAddress):
		failure = c.fail(request, KindAddress, err)
	default:
		failure = c.fail(request, KindUnavailable, err)
		if why := untrusted(err); why != nil {
			failure = c.fail(request, KindUnavailable, why)
		}
		failure.refused = isLasting(err)
	}
	return failure
}

// ended is the error of an attempt whose time was up, or whose caller has left, also where what ended with it says so in other words:
// that its connection is closed, for example. The error may be nil.
func ended(attempt context.Context, err error) error {
	switch cause := attempt.Err(); {
	case cause == nil || errors.Is(err, cause):
		return err
	case err == nil:
		return cause
	default:
		return fmt.Errorf("%w: %w", cause, err)
	}
}

// isLasting reports whether nothing gets better in milliseconds: a certificate does not heal, and a proxy does not change its mind.
func isLasting(err error) bool {
	if refusal, ok := errors.AsType[*proxyError](err); ok {
		return !refusal.mayPass()
	}
	return untrusted(err) != nil
}

// panicked is the error of a call that panicked in a goroutine of its own, where nobody else could recover.
func panicked(upstream string, cause any) *Error {
	return &Error{Upstream: upstream, Kind: KindFailed, Err: fmt.Errorf("recover from a panic: %v\n%s", cause, debug.Stack())}
}

// unsent is the error of a request that could not be made.
func (c *Client) unsent(request *Request, err error) *Error {
	kind, wait := KindBadRequest, time.Duration(0)
	if missing, ok := errors.AsType[*tokenError](err); ok {
		kind, wait = KindToken, missing.wait
	} else if isUnsignable(err) {
		kind = KindCredentials
	}
	failure := c.fail(request, kind, err)
	failure.Unsent, failure.RetryAfter = true, wait
	return failure
}
