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

func (b BasicCredential) sign(_ context.Context, out *outgoingRequest) error {
	password, err := out.reveal(b.Password)
	if err != nil {
		return err
	}
	out.setBasic(b.Username, password)
	return nil
}

func (out *outgoingRequest) setBasic(username, password string) {
	pair := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	out.carried.add(pair)
	out.setHeader("Authorization", "Basic "+pair)
}
