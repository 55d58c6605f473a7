package upstreams

import "context"

// BearerCredential is a secret in Authorization: Bearer (RFC 6750).
type BearerCredential struct{ Secret Secret }

func (b BearerCredential) newSigner(*Client) (signer, error) { return b, nil }

func (b BearerCredential) sign(_ context.Context, s *signing) error {
	value, err := s.reveal(b.Secret)
	if err != nil {
		return err
	}
	s.setHeader("Authorization", "Bearer "+value)
	return nil
}
