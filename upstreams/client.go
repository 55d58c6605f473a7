// Package upstreams is for calling one REST service safely: everything between "a call is due" and "an answer is here".
// A call goes through
//
//	cache(observe(retry(hedge(limit(breaker(balance(attempt(deadline(credentials(transport))))))))))
//
// where the cache lets those who ask the same at the same time share one request, an attempt is made once more if a token that was
// issued is refused, and the transport dials no address that the egress guard refuses. A call gets no span where the one around it is not
// sampled. The answer's body is read within bounds, and a large one only where there is room.
// The package knows neither plans nor Protobuf.
package upstreams

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Client calls one upstream. It is safe for concurrent use.
type Client struct {
	config   Config // with defaults
	bases    bases
	header   http.Header
	signer   signer
	balancer *balancer
	room     *room
}

// New creates a client. The error names what is wrong with the config, and what to do.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	header, err := fixedHeader(config.Header)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	balancer, err := newBalancer(&config)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	client := &Client{config: config, bases: bases{byURL: map[string]*base{}}, header: header, balancer: balancer, room: newRoom(&config)}
	if client.signer, err = newSigner(client, config.Credential); err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	if err := client.begin(); err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	return client, nil
}

// begin makes ready what is known before the first call.
func (c *Client) begin() error {
	switch {
	case !c.hasOwnBases():
	case c.config.Balance != nil:
		return errAddresses
	default:
		return nil
	}
	only, err := c.baseFor("")
	if err != nil {
		return err
	}
	return c.balancer.watch(&c.config, only, c.header)
}

// Do makes one call. The error is an *Error; it wraps ctx's error if ctx ended the call. The request must not change, not even afterwards:
// some of what a call has begun may outlast it.
func (c *Client) Do(ctx context.Context, request *Request) (*Answer, error) {
	return c.do(ctx, exchange{Request: request})
}

// DoCarrying makes one call whose body holds secrets, which no error shows, whatever the upstream says again. The error is as of Do.
func (c *Client) DoCarrying(ctx context.Context, request *Request, carried ...secret.Value) (*Answer, error) {
	made := exchange{Request: request}
	for _, one := range carried {
		made.carried.add(one.Reveal())
	}
	return c.do(ctx, made)
}

func (c *Client) do(ctx context.Context, exchange exchange) (*Answer, error) {
	base, err := c.baseFor(exchange.Account)
	if err != nil {
		return nil, c.unsent(exchange.Request, err)
	}
	if header, renamed := canonical(exchange.Header); renamed {
		named := *exchange.Request
		named.Header, exchange.Request = header, &named
	}
	if c.balancer.ejector != nil {
		exchange.tried = &tried{}
	}
	if exchange.Timeout > 0 {
		exchange.until = time.Now().Add(exchange.Timeout)
	}
	return base.do(ctx, exchange)
}

// BreakerState is closed, half-open or open; that of an account's address where each has its own.
func (c *Client) BreakerState(account string) string {
	base, err := c.baseFor(account)
	if err != nil {
		return "closed"
	}
	return base.breakers.state()
}

// Close ends what goes on behind calls, and closes idle connections. Calls in flight end by themselves.
func (c *Client) Close() {
	c.bases.close()
	if renewing, ok := c.signer.(renewer); ok {
		renewing.close()
	}
	c.balancer.close()
}
