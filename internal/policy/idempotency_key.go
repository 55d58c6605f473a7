package policy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 255
	// minAnonymousKey is the shortest key of callers that prove nothing: whoever guesses one could take it, so that it has to be random.
	// So long are 128 bits in base64.
	minAnonymousKey = 22
)

// parseIdempotencyKey is the key of a request; empty for none, and false for one that is none. It is the text as it stands, or a String
// of structured fields, as draft-ietf-httpapi-idempotency-key-header has it.
func parseIdempotencyKey(header http.Header) (key string, ok bool) {
	values := header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", true
	}
	key = strings.Trim(values[0], " \t")
	if quoted, isQuoted := strings.CutPrefix(key, `"`); isQuoted {
		key, ok = unquote(quoted)
	} else {
		ok = !strings.Contains(key, ",") // which would be several in one line
	}
	return key, ok && len(values) == 1 && isVisible(key)
}

// unquote reads a String of structured fields (RFC 9651, section 4.2.5) behind its first quote, with nothing behind its last one.
func unquote(quoted string) (string, bool) {
	var text strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch char := quoted[i]; {
		case char == '"':
			return text.String(), i == len(quoted)-1
		case char != '\\':
			text.WriteByte(char)
		case i+1 < len(quoted) && (quoted[i+1] == '"' || quoted[i+1] == '\\'):
			i++
			text.WriteByte(quoted[i])
		default:
			return "", false
		}
	}
	return "", false
}

// isVisible reports whether a key is of characters that everybody sees, and of no more than there may be.
func isVisible(key string) bool {
	outside := func(char rune) bool { return char < '!' || char > '~' }
	return key != "" && len(key) <= maxIdempotencyKey && !strings.ContainsFunc(key, outside)
}

// once is a request of a caller's with a key.
type once struct {
	store.Reservation
	// scope is what only the caller and we know.
	scope []byte
}

// newOnce names a request of a caller's. Neither the name nor the fingerprint tells anything of the key or the message to those who do
// not know both.
func newOnce(call *Call, key string, message proto.Message) (*once, error) {
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
			Name: hex.EncodeToString(name[:]), Owner: rand.Text(), Fingerprint: sum[:], Lease: idempotencyLease,
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

// checkKey is the key of a request that is used, or why it cannot be.
func (i *Idempotency) checkKey(call *Call, header http.Header) (string, *connect.Error) {
	key, ok := parseIdempotencyKey(header)
	switch {
	case !ok:
		return "", failure(connect.CodeInvalidArgument, "Idempotency-Key has to be one text of 1 to 255 visible ASCII characters", "IDEMPOTENCY_KEY_INVALID")
	case key == "" && i.config.Required:
		return "", failure(connect.CodeInvalidArgument,
			"this RPC needs an Idempotency-Key: a text for each thing that is to be done, such as a random UUID, which is sent again if that is tried again",
			"IDEMPOTENCY_KEY_MISSING")
	case key != "" && call.Caller.IsAnonymous() && len(key) < minAnonymousKey:
		return "", failure(connect.CodeInvalidArgument,
			fmt.Sprintf("without a proof of who calls, an Idempotency-Key has at least %d characters, and is random, such as a UUID", minAnonymousKey),
			"IDEMPOTENCY_KEY_WEAK")
	default:
		return key, nil
	}
}
