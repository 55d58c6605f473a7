package upstreams

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// signing is a request that is about to leave, and what is known of its signature. The request has no context, which goes beside it.
type signing struct {
	http.Request

	target   url.URL // the request's
	sending  sending
	call     *Request
	base     *base
	accounts *store.Accounts
	// generation is that of the account's secrets.
	generation uint64
	// token is the one that the request carries, if somebody has issued it.
	token *token
	// carried are the secrets in the request.
	carried secrets
}

// signings are empty, with a header to be filled.
var signings = sync.Pool{New: func() any { return &signing{Request: http.Request{Header: http.Header{}}} }}

func (c *Client) newSigning(to *base, exchange exchange) *signing {
	made := signings.Get().(*signing)
	made.call, made.base, made.accounts, made.carried = exchange.Request, to, c.config.Accounts, slices.Clone(exchange.carried)
	return made
}

// giveBack leaves it to another request, unless somebody may still read it: net/http's transports do, and whoever sends a body.
func (s *signing) giveBack(plain bool) {
	const most = 32 // headers
	if !plain || s.Body != nil || len(s.Header) > most {
		return
	}
	header := s.Header
	clear(header)
	*s = signing{Request: http.Request{Header: header}}
	signings.Put(s)
}

// reveal is a secret, for the request alone.
func (s *signing) reveal(from Secret) (string, error) {
	value := from.Source.Value()
	if from.Account != "" {
		var ok bool
		if value, s.generation, ok = s.accounts.Secret(s.call.Account, from.Account); !ok {
			return "", fmt.Errorf("sign: account %q has no secret %q: %w", s.call.Account, from.Account, errNoAccount)
		}
	}
	if value.Reveal() == "" {
		return "", fmt.Errorf("sign: %w", errNoSecret)
	}
	s.carried.add(value.Reveal())
	return value.Reveal(), nil
}

// setHeader sets a header that holds a secret.
func (s *signing) setHeader(name, value string) {
	s.carried.add(value)
	s.Header.Set(name, value)
}
