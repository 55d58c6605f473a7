package upstreams

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// outgoingRequest is the HTTP request of one attempt, with what signs it and who sends it. The request's own context does not count: the
// attempt's is in sending.
type outgoingRequest struct {
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

// outgoingRequests are empty, with a header to be filled: most requests are made in the memory of one that is over.
var outgoingRequests = sync.Pool{New: func() any { return &outgoingRequest{Request: http.Request{Header: http.Header{}}} }}

func (c *Client) newOutgoing(to *base, exchange exchange) *outgoingRequest {
	made := outgoingRequests.Get().(*outgoingRequest)
	made.call, made.base, made.accounts, made.carried = exchange.Request, to, c.config.Accounts, slices.Clone(exchange.carried)
	made.plain = exchange.to.transport.isPlain(to.url)
	return made
}

// giveBack leaves its memory to another request, once its answer has been read. net/http's transports may read a request even later, and so may
// who sends a body: then it is left to the garbage collector.
func (out *outgoingRequest) giveBack() {
	const most = 32 // headers; an emptied map keeps its room
	if !out.plain || out.Body != nil || len(out.Header) > most {
		return
	}
	header := out.Header
	clear(header)
	*out = outgoingRequest{Request: http.Request{Header: header}}
	outgoingRequests.Put(out)
}

// reveal is a secret, for the request alone.
func (out *outgoingRequest) reveal(from Secret) (string, error) {
	value := from.Source.Value()
	if from.Account != "" {
		var ok bool
		if value, out.generation, ok = out.accounts.Secret(out.call.Account, from.Account); !ok {
			return "", fmt.Errorf("sign: account %q has no secret %q: %w", out.call.Account, from.Account, errNoAccount)
		}
	}
	if value.Reveal() == "" {
		return "", fmt.Errorf("sign: %w", errNoSecret)
	}
	out.carried.add(value.Reveal())
	return value.Reveal(), nil
}

// setHeader sets a header that holds a secret.
func (out *outgoingRequest) setHeader(name, value string) {
	out.carried.add(value)
	out.Header.Set(name, value)
}
