package upstreams

import "context"

// HeaderCredential is a secret in a header of its own.
type HeaderCredential struct {
	Name   string
	Secret Secret
}

func (h HeaderCredential) newSigner(*Client) (signer, error) { return h, nil }

func (h HeaderCredential) sign(_ context.Context, out *outgoingRequest) error {
	value, err := out.reveal(h.Secret)
	if err != nil {
		return err
	}
	out.setHeader(h.Name, value)
	return nil
}
