package upstreams

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// attempt makes a call once. If the upstream refuses a token that somebody has issued, it is made once more with another one:
// a request that was refused for its token (401) has done nothing, be it safe to repeat or not.
func (c *Client) attempt(to *base) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		first := c.newSigning(to, exchange)
		answer, err := c.send(ctx, exchange, first)
		if failure, ok := errors.AsType[*Error](err); !ok || !c.hasRenewed(ctx, exchange, first, failure) {
			return answer, err
		}
		answer, err = c.send(ctx, exchange, c.newSigning(to, exchange))
		if failure, ok := errors.AsType[*Error](err); ok {
			failure.Unsent = false // the first one was
		}
		return answer, err
	}
}

func (c *Client) newSigning(to *base, exchange exchange) *signing {
	return &signing{call: exchange.Request, base: to, accounts: c.accounts, carried: slices.Clone(exchange.carried)}
}

// hasRenewed gets another token for a request that was refused for the one it carried. If there is none, the failure says why.
func (c *Client) hasRenewed(ctx context.Context, exchange exchange, signing *signing, failure *Error) bool {
	renewing, ok := c.signer.(renewer)
	if !ok || signing.token == nil || failure.Status != http.StatusUnauthorized {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, exchange.bounded(c.timeout))
	defer cancel()
	err := renewing.renew(limited, signing)
	if err != nil {
		failure.Err = errors.Join(failure.Err, err)
	}
	return err == nil
}
