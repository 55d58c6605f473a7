package upstreams

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// attempt makes a call once. If the upstream refuses a token that somebody has issued, it is made once more with another one:
// a request that was refused for its token (401) has done nothing, be it safe to repeat or not.
func (c *Client) attempt(to *base) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		first := c.newOutgoing(to, exchange)
		defer first.giveBack()
		answer, err := c.send(ctx, exchange, first)
		if failure, ok := errors.AsType[*Error](err); !ok || !c.hasRenewed(ctx, exchange, first, failure) {
			return answer, err
		}
		second := c.newOutgoing(to, exchange)
		defer second.giveBack()
		answer, err = c.send(ctx, exchange, second)
		if failure, ok := errors.AsType[*Error](err); ok {
			failure.Unsent = false // the first one was
		}
		return answer, err
	}
}

// hasRenewed gets another token for a request that was refused for the one it carried. If there is none, the failure says why.
func (c *Client) hasRenewed(ctx context.Context, exchange exchange, outgoing *outgoingRequest, failure *Error) bool {
	renewing, ok := c.signer.(renewer)
	if !ok || outgoing.token == nil || failure.Status != http.StatusUnauthorized {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, exchange.bounded(c.config.Timeout))
	defer cancel()
	err := renewing.renew(limited, outgoing)
	if err != nil {
		failure.Err = errors.Join(failure.Err, err)
	}
	return err == nil
}

// send sends the request once and reads the answer, within the attempt's deadline.
func (c *Client) send(ctx context.Context, exchange exchange, outgoing *outgoingRequest) (*Answer, error) {
	request, now := exchange.Request, time.Now()
	enough, until := now.Add(c.wholeTimeout(request)/2), now.Add(exchange.bounded(c.config.Timeout))
	attemptCtx, cancel := c.within(ctx, until, outgoing.plain)
	defer cancel()
	if err := c.prepare(attemptCtx, exchange, outgoing); err != nil {
		return nil, c.unsent(request, err)
	}
	sending := &outgoing.sending
	sending.begin(attemptCtx, outgoing.base, request)
	response, err := exchange.to.transport.send(&outgoing.Request, until, sending)
	if err != nil {
		failure := c.broken(ctx, enough, request, outgoing.carried.redactError(ended(attemptCtx, err)))
		failure.Unsent = !sending.connected.Load()
		return nil, failure
	}
	defer func() { _ = response.Body.Close() }() // what matters has been read by then
	share := share{room: c.room, observer: outgoing.base.observer, ctx: attemptCtx, until: until}
	defer share.leave()
	answer, err := c.read(response, exchange, outgoing.carried, &share)
	// Whoever is told that we leave may end an answer as if it were whole, and over TLS that may still be read.
	if attemptCtx.Err() != nil || isEnd(err) {
		return nil, c.broken(ctx, enough.Add(share.waited), request, ended(attemptCtx, err))
	}
	if err == nil {
		share.handTo(request.Hold)
	}
	return withGeneration(answer, err, outgoing.generation)
}

// within is the context of an attempt. It has a deadline of its own only where somebody waits for that: the exchange of plain HTTP/1.1
// has its own clock.
func (c *Client) within(ctx context.Context, until time.Time, plain bool) (context.Context, context.CancelFunc) {
	if _, waits := c.signer.(renewer); plain && !waits {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, until)
}

// isEnd reports whether an answer's body was not read to its end since the time was up, or the caller had left.
func isEnd(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// wholeTimeout is the time that an attempt has which is not cut short by what came before it.
func (c *Client) wholeTimeout(request *Request) time.Duration {
	if request.Timeout > 0 {
		return min(c.config.Timeout, request.Timeout)
	}
	return c.config.Timeout
}

// withGeneration notes which credentials a call was made with.
func withGeneration(answer *Answer, err error, generation uint64) (*Answer, error) {
	if answer != nil {
		answer.Generation = generation
	}
	if failure, ok := errors.AsType[*Error](err); ok && failure.Answer != nil {
		failure.Answer.Generation = generation
	}
	return answer, err
}
