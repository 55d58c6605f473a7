package upstreams

import "context"

// BearerCredential is a secret in Authorization: Bearer (RFC 6750).
type BearerCredential struct{ Secret Secret }

func (b BearerCredential) newSigner(*Client) (signer, error) { return b, nil }

func (b BearerCredential) sign(_ context.Context, out *outgoingRequest) error {
	value, err := out.reveal(b.Secret)
	if err != nil {
		return err
	}
	out.setHeader("Authorization", "Bearer "+value)
	return nil
}
