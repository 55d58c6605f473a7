package policy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// once is a request of a caller's with a key.
type once struct {
	store.Reservation
	// scope is what only the caller and we know.
	scope []byte
}

// newOnce names a request of a caller's. Neither the name nor the fingerprint tells anything of the key or the message to those who do
// not know both.
func (i *Idempotency) newOnce(call *Call, key string, request any) (*once, error) {
	message, ok := request.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("read request: %T is no message", request)
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	scope := appendTexts(nil, call.Caller.Key(), call.RPC, key)
	sum := sha256.Sum256(append(appendTexts(nil, "sheaf idempotency: fingerprint", string(scope)), wire...))
	name := sha256.Sum256(appendTexts(nil, "sheaf idempotency: name", string(scope)))
	return &once{
		scope: scope,
		Reservation: store.Reservation{
			Name: hex.EncodeToString(name[:]), Owner: rand.Text(), Caller: call.Caller.Key(), Fingerprint: sum[:], Lease: idempotencyLease, Keep: i.config.Keep,
		},
	}, nil
}

// appendTexts writes texts so that no two lists of them are the same.
func appendTexts(dst []byte, texts ...string) []byte {
	for _, text := range texts {
		dst = fmt.Appendf(dst, "%d:%s,", len(text), text)
	}
	return dst
}

// sealed seals an answer with a key that is derived from what the store does not know (HKDF, RFC 5869), and from one of ours if there is
// one.
func (o *once) sealed(answer, ours []byte) ([]byte, error) {
	aead, err := o.cipher(ours)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, answer, o.Fingerprint), nil //nolint:gosec // the cipher makes a nonce of its own
}

// opened gives back what was sealed.
func (o *once) opened(sealed, ours []byte) ([]byte, error) {
	aead, err := o.cipher(ours)
	if err != nil {
		return nil, err
	}
	answer, err := aead.Open(nil, nil, sealed, o.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("open answer: %w", err)
	}
	return answer, nil
}

func (o *once) cipher(ours []byte) (cipher.AEAD, error) {
	const size = 32 // AES-256
	key, err := hkdf.Key(sha256.New, o.scope, ours, "sheaf idempotency: seal", size)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("create cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
