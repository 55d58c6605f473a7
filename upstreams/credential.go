package upstreams

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Credential is what requests are signed with: a BearerCredential, HeaderCredential, QueryCredential, PathCredential,
// BasicCredential, CallerCredential, OAuth2Credential, HMACCredential or AWSCredential. Nil signs nothing.
type Credential interface {
	// newSigner makes what signs the requests of a client. The error names what is wrong with the credential.
	newSigner(c *Client) (signer, error)
}

// signer signs requests, each attempt anew. It is safe for concurrent use.
type signer interface {
	// sign adds to a request what proves who we are. It comes last, so that nothing overrides it, and what it signs is what
	// leaves. It may wait for what it needs, until ctx ends.
	sign(ctx context.Context, s *signing) error
}

// renewer is a signer whose proof somebody else has issued.
type renewer interface {
	signer
	// renew gets another proof than the one that a request was signed with. The error says why there is none.
	renew(ctx context.Context, s *signing) error
	// close ends what goes on behind calls.
	close()
}

// Secret says where a secret comes from: Source, or the account that a call is made for, if Account names one of its secrets.
type Secret struct {
	Source  *secret.Source
	Account string
}

// signing is a request that is about to leave, and what is known of its signature.
type signing struct {
	*http.Request

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

var (
	// errNoAccount says that a call needs an account and names none.
	errNoAccount = errors.New("call is made for no account")
	// errNoAuthorization says that a call needs the caller's own Authorization, and has none.
	errNoAuthorization = errors.New("call needs the caller's own Authorization")
	// errNoSecret says that there is nothing to sign with.
	errNoSecret = errors.New("secret is empty")
)

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

// unsigned signs nothing.
type unsigned struct{}

func (unsigned) sign(context.Context, *signing) error { return nil }

func newSigner(c *Client, credential Credential) (signer, error) {
	if credential == nil {
		return unsigned{}, nil
	}
	return credential.newSigner(c)
}

// isUnsignable reports whether a request lacks what it is to be signed with.
func isUnsignable(err error) bool {
	return errors.Is(err, errNoAccount) || errors.Is(err, errNoAuthorization) || errors.Is(err, errNoSecret)
}
