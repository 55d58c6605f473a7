package upstreams

import (
	"context"
	"errors"

	"github.com/sheaf-rpc/sheaf/internal/secret"
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
	sign(ctx context.Context, out *outgoingRequest) error
}

// renewer is a signer whose proof somebody else has issued.
type renewer interface {
	signer
	// renew gets another proof than the one that a request was signed with. The error says why there is none.
	renew(ctx context.Context, out *outgoingRequest) error
	// close ends what goes on behind calls.
	close()
}

// Secret says where a secret comes from: Source, or the account that a call is made for, if Account names one of its secrets.
type Secret struct {
	Source  *secret.Source
	Account string
}

var (
	// errNoAccount says that a call needs an account and names none.
	errNoAccount = errors.New("call is made for no account")
	// errNoAuthorization says that a call needs the caller's own Authorization, and has none.
	errNoAuthorization = errors.New("call needs the caller's own Authorization")
	// errNoSecret says that there is nothing to sign with.
	errNoSecret = errors.New("secret is empty")
)

// unsigned signs nothing.
type unsigned struct{}

func (unsigned) sign(context.Context, *outgoingRequest) error { return nil }

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
