package identity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

const (
	theIssuer   = "https://idp.example/realm"
	theAudience = "shop"
)

// pairs are key pairs by their ids. Making them takes long, so all tests share them.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for id, bits := range map[string]int{"rsa": 2048, "rs256": 2048, "enc": 2048, "ops": 2048, "weak": 1024, "open": 2048, "stranger": 2048} {
		made[id], _ = rsa.GenerateKey(rand.Reader, bits)
	}
	for id, curve := range map[string]elliptic.Curve{"ec": elliptic.P256(), "ec384": elliptic.P384(), "ec521": elliptic.P521(), "strange-ec": elliptic.P256()} {
		made[id], _ = ecdsa.GenerateKey(curve, rand.Reader)
	}
	for _, id := range []string{"ed", "strange-ed"} {
		_, made[id], _ = ed25519.GenerateKey(rand.Reader)
	}
	return made
})

// jwk is a public key as a JWK, with these further members.
func jwk(id string, more map[string]any) map[string]any {
	text, err := json.Marshal(jose.JSONWebKey{Key: pairs()[id].Public(), KeyID: id})
	if err != nil {
		panic(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		panic(err)
	}
	maps.Copy(members, more)
	return members
}

// without is a JWK without a member.
func without(members map[string]any, name string) map[string]any {
	delete(members, name)
	return members
}

// published are the keys of an issuer that does everything, right and wrong.
func published() []map[string]any {
	return []map[string]any{
		jwk("rsa", nil), jwk("rs256", map[string]any{"alg": "RS256", "use": "sig", "key_ops": []string{"verify"}}), jwk("ec", nil), jwk("ec384", nil),
		jwk("ec521", nil), jwk("ed", nil), jwk("enc", map[string]any{"use": "enc"}), jwk("ops", map[string]any{"key_ops": []string{"encrypt"}}), jwk("weak", nil),
		jwk("open", map[string]any{"d": "AQAB"}), {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LW9mLW91cnMtYW5kLWxvbmctZW5vdWdo"}, {"kty": "XX", "kid": "xx"},
	}
}

// issuer publishes keys.
type issuer struct {
	mu      sync.Mutex
	keys    []map[string]any
	body    string // in the place of keys
	err     error
	delay   time.Duration
	fetches int
}

var errAway = errors.New("issuer is away")

func (i *issuer) fetch(ctx context.Context, path string) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	if i.delay > 0 {
		delay := i.delay
		i.mu.Unlock()
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		i.mu.Lock()
	}
	switch {
	case i.err != nil:
		return nil, i.err
	case path == "/.well-known/openid-configuration":
		return []byte(`{"issuer": "` + theIssuer + `", "jwks_uri": "https://idp.example/realm/keys?v=1"}`), nil
	case i.body != "":
		return []byte(i.body), nil
	}
	body, err := json.Marshal(map[string]any{"keys": i.keys})
	return body, err
}

func (i *issuer) set(keys []map[string]any, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys, i.err = keys, err
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// openJWT is a provider of an issuer's tokens, until the test ends.
func openJWT(tb testing.TB, from *issuer, change func(*identity.JWTConfig)) *identity.Bearer {
	tb.Helper()
	config := identity.JWTConfig{
		Name: "main", Issuer: theIssuer, Audiences: []string{theAudience, "other"}, ClockSkew: -1,
		Algorithms: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
		Keys:       identity.IssuerKeysConfig{Fetch: from.fetch, BaseURL: "https://idp.example/realm", Path: "/keys", Logger: slog.New(slog.DiscardHandler)},
	}
	if change != nil {
		change(&config)
	}
	opened := identity.NewJWT(config)
	tb.Cleanup(opened.Close)
	return identity.NewBearer([]*identity.JWT{opened}, nil)
}

// draft is a token in the making.
type draft struct {
	header, payload string
	// signer has a key that signs, with an algorithm that may be another than the header's.
	signer, algorithm string
	// secret is the key of an HMAC, instead.
	secret []byte
	// change changes the parts, and finish the whole, once it is signed; nil for not.
	change func(parts []string) []string
	finish func(token string) string
	// values are those of Authorization; nil for "Bearer " and the token.
	values func(token string) []string
}

var serial = func() func() int {
	var mu sync.Mutex
	n := 0
	return func() int { mu.Lock(); defer mu.Unlock(); n++; return n }
}()

// newDraft is a token in which nothing is wrong. No two are the same.
func newDraft() *draft {
	now := time.Now().Unix()
	return &draft{
		header: `{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`, signer: "rsa", algorithm: "RS256",
		payload: fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"exp":%d,"nbf":%d,"iat":%d,"scope":"read write","jti":"%d"}`,
			theIssuer, theAudience, now+300, now-300, now-300, serial()),
	}
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

func (d *draft) token() string {
	parts := []string{encode([]byte(d.header)), encode([]byte(d.payload))}
	input := strings.Join(parts, ".")
	if d.secret != nil {
		parts = append(parts, encode(hash(d.algorithm, d.secret, input)))
	} else {
		parts = append(parts, encode(sign(d.algorithm, pairs()[d.signer], input)))
	}
	if d.change != nil {
		parts = d.change(parts)
	}
	token := strings.Join(parts, ".")
	if d.finish != nil {
		token = d.finish(token)
	}
	return token
}

func (d *draft) proof() identity.Proof {
	token := d.token()
	values := []string{"Bearer " + token}
	if d.values != nil {
		values = d.values(token)
	}
	return identity.Proof{Header: http.Header{"Authorization": values}}
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

func hash(algorithm string, key []byte, input string) []byte {
	made := hmac.New(hashes[algorithm[2:]].New, key)
	_, _ = made.Write([]byte(input))
	return made.Sum(nil)
}

func sign(algorithm string, key crypto.Signer, input string) []byte {
	if algorithm == "EdDSA" {
		signed, err := key.Sign(rand.Reader, []byte(input), crypto.Hash(0))
		return must(signed, err)
	}
	of := hashes[algorithm[2:]]
	hasher := of.New()
	_, _ = hasher.Write([]byte(input))
	sum := hasher.Sum(nil)
	switch algorithm[:2] {
	case "RS":
		return must(key.Sign(rand.Reader, sum, of))
	case "PS":
		return must(key.Sign(rand.Reader, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: of}))
	default:
		private := key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, private, sum)
		size := (private.Curve.Params().BitSize + 7) / 8
		return must(slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))), err)
	}
}

func must(signed []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return signed
}

// accept fails the test unless a token is one of alice's.
func accept(t *testing.T, provider identity.Provider, d *draft) *identity.Caller {
	t.Helper()
	caller, err := provider.Identify(t.Context(), d.proof())
	if err != nil {
		t.Fatalf("a good token was refused: %v", err)
	}
	return caller
}

// refused fails the test unless a token is refused, and returns why.
func refused(t *testing.T, provider identity.Provider, d *draft) string {
	t.Helper()
	caller, err := provider.Identify(t.Context(), d.proof())
	wrong, ok := errors.AsType[*identity.Error](err)
	if !ok {
		t.Fatalf("caller %v, error %v; want a refusal", caller, err)
	}
	return wrong.Reason
}

type identityConfig = identity.JWTConfig
