package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// sealer seals records with AES-256-GCM, and names them, with keys that are derived from one secret (HKDF, RFC 5869).
type sealer struct {
	aead  cipher.AEAD
	names []byte
}

const (
	// recordVersion is the first byte of a sealed record, and part of what it is bound to.
	recordVersion = 1
	keySize       = 32
	// minKey is the shortest secret, in characters.
	minKey = 32
)

// ErrKey says that a key cannot be used: it is too short, or not the one that the records were sealed with.
var ErrKey = errors.New("key cannot be used")

// errSealed says that a record was altered, or sealed with another key.
var errSealed = errors.New("record was altered, or sealed with another key")

func newSealer(key secret.Value) (*sealer, error) {
	if len(key.Reveal()) < minKey {
		return nil, fmt.Errorf("%w: it is shorter than %d characters", ErrKey, minKey)
	}
	sealing, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "sheaf accounts: seal", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	names, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "sheaf accounts: name", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	return &sealer{aead: aead, names: names}, nil
}

// seal seals a text, for a record of this name and generation alone.
func (s *sealer) seal(plain []byte, name string, generation uint64) []byte {
	return s.aead.Seal([]byte{recordVersion}, nil, plain, boundTo(name, generation)) //nolint:gosec // the cipher makes a nonce of its own for each record
}

// open gives back what was sealed. The error is errSealed.
func (s *sealer) open(name string, record Record) ([]byte, error) {
	if len(record.Sealed) == 0 || record.Sealed[0] != recordVersion {
		return nil, errSealed
	}
	plain, err := s.aead.Open(nil, nil, record.Sealed[1:], boundTo(name, record.Generation))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func boundTo(name string, generation uint64) []byte {
	return fmt.Appendf(nil, "%d %s %d", recordVersion, name, generation)
}

// name is that of an account's record: a fingerprint of its id and of the secrets in the file of accounts. If these are
// changed, the record is another one, and they hold again.
func (s *sealer) name(id string, seed map[string]secret.Value) string {
	sum := hmac.New(sha256.New, s.names)
	writeText(sum, id)
	for _, name := range slices.Sorted(maps.Keys(seed)) {
		writeText(sum, name)
		writeText(sum, seed[name].Reveal())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// writeText writes a text so that no two lists of texts are the same.
func writeText(sum io.Writer, text string) {
	_, _ = fmt.Fprintf(sum, "%d:%s,", len(text), text) // a hash takes everything
}
