package upstreams

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// maxBases bounds the addresses that accounts may have, so that what is kept for each cannot grow without end.
const maxBases = 1000

// base is one address of an upstream, with what is known of its health.
type base struct {
	url      *url.URL
	breakers *breakers
	observer *observer
	budget   *budget
	// do makes a call with all that makes it safe.
	do call
	// cache is nil for none.
	cache *cache
}

// bases are the addresses of an upstream: one, or one for each account that has its own.
type bases struct {
	mu    sync.Mutex
	byURL map[string]*base
}

// close ends what goes on behind calls.
func (b *bases) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.byURL {
		if one.cache != nil {
			one.cache.close()
		}
	}
}

func (c *Client) newBase(text string) (*base, error) {
	parsed, err := parseBase(text)
	if err != nil {
		return nil, err
	}
	observer, err := newObserver(&c.config, parsed)
	if err != nil {
		return nil, err
	}
	created := &base{url: parsed, breakers: newBreakers(&c.config, observer), observer: observer, budget: &budget{share: c.config.Retries.Budget}}
	created.do = c.compose(created)
	return created, nil
}

// compose puts together what a call to an address goes through.
func (c *Client) compose(to *base) call {
	retrier := &retrier{RetryConfig: c.config.Retries, budget: to.budget, observer: to.observer}
	limiter := newLimiter(&c.config)
	made := to.observer.observe(retrier.retry(c.hedger(to)(limiter.limit(to.breakers.guard(c.balancer.balance(c.attempt(to)))))))
	if c.config.Cache == nil {
		return withoutCache(made)
	}
	to.cache = newCache(c, to, c.config.Cache)
	return to.cache.keep(made)
}

// hedger is what hedges requests, or lets them pass.
func (c *Client) hedger(to *base) func(call) call {
	if c.config.Hedging == nil {
		return func(next call) call { return next }
	}
	return (&hedger{HedgeConfig: *c.config.Hedging, upstream: c.config.Name, budget: to.budget, observer: to.observer}).hedge
}

// hasOwnBases reports whether each account has an address of its own.
func (c *Client) hasOwnBases() bool { return strings.Contains(c.config.BaseURL, "${account.") }

// baseFor is the address that calls for an account go to.
func (c *Client) baseFor(account string) (*base, error) {
	text := c.config.BaseURL
	if c.hasOwnBases() {
		var err error
		if text, err = fillText(text, account, c.config.Accounts); err != nil {
			return nil, err
		}
	}
	c.bases.mu.Lock()
	defer c.bases.mu.Unlock()
	if known := c.bases.byURL[text]; known != nil {
		return known, nil
	}
	if len(c.bases.byURL) >= maxBases {
		return nil, fmt.Errorf("more than %d addresses", maxBases)
	}
	created, err := c.newBase(text)
	if err != nil {
		return nil, err
	}
	c.bases.byURL[text] = created
	return created, nil
}
