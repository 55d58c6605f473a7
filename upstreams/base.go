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
	breaker  *breaker
	observer *observer
}

// bases are the addresses of an upstream: one, or one for each account that has its own.
type bases struct {
	mu    sync.Mutex
	byURL map[string]*base
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
	return &base{url: parsed, breaker: newBreaker(&c.config, observer), observer: observer}, nil
}

// hasOwnBases reports whether each account has an address of its own.
func (c *Client) hasOwnBases() bool { return strings.Contains(c.config.BaseURL, "${account.") }

// baseFor is the address that calls for an account go to.
func (c *Client) baseFor(account string) (*base, error) {
	text := c.config.BaseURL
	if c.hasOwnBases() {
		var err error
		if text, err = fillText(text, account, c.accounts); err != nil {
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
