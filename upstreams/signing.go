package upstreams

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// signing is a request that is about to leave, and what is known of its signature. The request's own context does not count: the attempt's is
// in sending.
type signing struct {
	http.Request

	target  url.URL // the request's
	sending sending
	// plain is set if httpwire sends it, and not net/http.
	plain    bool
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

// signings are empty, with a header to be filled: most requests are made in the room of one that is over.
var signings = sync.Pool{New: func() any { return &signing{Request: http.Request{Header: http.Header{}}} }}

func (c *Client) newSigning(to *base, exchange exchange) *signing {
	made := signings.Get().(*signing)
	made.call, made.base, made.accounts, made.carried = exchange.Request, to, c.config.Accounts, slices.Clone(exchange.carried)
	made.plain = exchange.to.transport.isPlain(to.url)
	return made
}

// giveBack leaves its room to another request, once its answer has been read. net/http's transports may read a request even later, and so may
// who sends a body: then it is left to the garbage collector.
func (s *signing) giveBack() {
	const most = 32 // headers; an emptied map keeps its room
	if !s.plain || s.Body != nil || len(s.Header) > most {
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
