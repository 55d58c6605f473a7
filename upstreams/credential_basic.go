package upstreams

import (
	"context"
	"encoding/base64"
)

// BasicCredential is a user and a password in Authorization: Basic (RFC 7617).
type BasicCredential struct {
	// Username holds no colon.
	Username string
	Password Secret
}

func (b BasicCredential) newSigner(*Client) (signer, error) { return b, nil }

func (b BasicCredential) sign(_ context.Context, s *signing) error {
	password, err := s.reveal(b.Password)
	if err != nil {
		return err
	}
	s.setBasic(b.Username, password)
	return nil
}

func (s *signing) setBasic(username, password string) {
	pair := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	s.carried.add(pair)
	s.setHeader("Authorization", "Basic "+pair)
}
