package upstreams

import (
	"context"
	"net/url"
	"strings"
)

// PathCredential is a secret in the path.
type PathCredential struct {
	// Prefix is the path before that of each call, with ${secret} for the secret; it may hold ${account.NAME}, too.
	Prefix string
	Secret Secret
}

// secretHole stands for the secret in PathCredential.Prefix.
const secretHole = "${secret}"

func (p PathCredential) newSigner(*Client) (signer, error) { return p, nil }

func (p PathCredential) sign(_ context.Context, out *outgoingRequest) error {
	value, err := out.reveal(p.Secret)
	if err != nil {
		return err
	}
	var prefix strings.Builder
	for i, part := range strings.Split(p.Prefix, secretHole) {
		filled, err := fillText(part, out.call.Account, out.accounts)
		if err != nil {
			return err
		}
		if i > 0 {
			prefix.WriteString(url.PathEscape(value))
		}
		prefix.WriteString(filled)
	}
	return setPath(out.URL, out.base.url, prefix.String(), out.call.Path)
}
