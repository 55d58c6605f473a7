// Package pagetoken is for the tokens that clients get a next page with (AIP-158): opaque, authenticated, versioned, and
// good only for what they were made for.
package pagetoken

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// version is the first byte of a token. A token of another version is refused.
const version = 1

// Sealer makes and opens tokens. It is safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
}

// New is a sealer with a secret of any length; an empty one is replaced by a random one, so that tokens end with the
// process.
func New(secret []byte) (*Sealer, error) {
	if len(secret) == 0 {
		secret = []byte(rand.Text())
	}
	key := sha256.Sum256(append([]byte("sheaf page token key\x00"), secret...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	return &Sealer{aead: aead}, nil
}

// Seal makes a token of a state, which only Open with the same purpose gives back.
func (s *Sealer) Seal(state, purpose []byte) string {
	token := s.aead.Seal([]byte{version}, nil, state, purpose) //nolint:gosec // the cipher makes a nonce of its own for each token
	return base64.RawURLEncoding.EncodeToString(token)
}

// ErrInvalid says that a token was altered, or made for another purpose or with another secret.
var ErrInvalid = errors.New("page token is not valid for this request")

// Open is the state that a token was made of. The error is ErrInvalid.
func (s *Sealer) Open(token string, purpose []byte) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) == 0 || sealed[0] != version {
		return nil, ErrInvalid
	}
	state, err := s.aead.Open(nil, nil, sealed[1:], purpose)
	if err != nil {
		return nil, ErrInvalid
	}
	return state, nil
}
