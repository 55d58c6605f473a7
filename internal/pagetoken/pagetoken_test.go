package pagetoken_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
)

func newSealer(t *testing.T, secret string) *pagetoken.Sealer {
	t.Helper()
	sealer, err := pagetoken.New([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	sealer := newSealer(t, "a secret")
	token := sealer.Seal([]byte("cursor"), []byte("purpose"))
	if again := sealer.Seal([]byte("cursor"), []byte("purpose")); again == token {
		t.Error("the same state gave the same token twice: states can be compared")
	}
	got, err := newSealer(t, "a secret").Open(token, []byte("purpose"))
	if err != nil || string(got) != "cursor" {
		t.Errorf("open with the same secret: %q, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	sealer := newSealer(t, "")
	token := sealer.Seal([]byte("cursor"), []byte("purpose"))
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return sealer.Open(token, []byte("purposf")) },
		"another secret":  func() ([]byte, error) { return newSealer(t, "").Open(token, []byte("purpose")) },
		"empty":           func() ([]byte, error) { return sealer.Open("", []byte("purpose")) },
		"no base64":       func() ([]byte, error) { return sealer.Open("%%", []byte("purpose")) },
		"cut off":         func() ([]byte, error) { return sealer.Open(token[:len(token)-4], []byte("purpose")) },
		"longer":          func() ([]byte, error) { return sealer.Open(token+"AAAA", []byte("purpose")) },
	} {
		if _, err := open(); !errors.Is(err, pagetoken.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryBit: a token altered by any one bit is refused.
func TestEveryBit(t *testing.T) {
	t.Parallel()
	sealer := newSealer(t, "")
	sealed, err := base64.RawURLEncoding.DecodeString(sealer.Seal([]byte(`{"c":"cursor"}`), []byte("purpose")))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		sealed[i/8] ^= 1 << (i % 8)
		if _, err := sealer.Open(base64.RawURLEncoding.EncodeToString(sealed), []byte("purpose")); !errors.Is(err, pagetoken.ErrInvalid) {
			t.Fatalf("bit %d: %v", i, err)
		}
		sealed[i/8] ^= 1 << (i % 8)
	}
}
