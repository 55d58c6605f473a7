package upstreams

import "context"

// HeaderCredential is a secret in a header of its own.
type HeaderCredential struct {
	Name   string
	Secret Secret
}

func (h HeaderCredential) newSigner(*Client) (signer, error) { return h, nil }

func (h HeaderCredential) sign(_ context.Context, s *signing) error {
	value, err := s.reveal(h.Secret)
	if err != nil {
		return err
	}
	s.setHeader(h.Name, value)
	return nil
}
