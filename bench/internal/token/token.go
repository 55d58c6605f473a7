// Package token is for the token that clients prove with who they are, and the key of its issuer.
package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"time"
)

// seed makes the same key in every process of a run.
const seed = "the benchmark's issuer of tokens"

const keyID = "bench-1"

func key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(seed)) }

// Keys are the issuer's keys as a JWK Set (RFC 7517, RFC 8037).
func Keys() []byte {
	public, _ := key().Public().(ed25519.PublicKey)
	return fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q}]}`, keyID, encode(public))
}

// New is a token that is good for a day (RFC 7519).
func New() string {
	header := fmt.Appendf(nil, `{"alg":"EdDSA","typ":"JWT","kid":%q}`, keyID)
	now := time.Now()
	claims := fmt.Appendf(nil, `{"iss":"https://issuer.example","aud":"shop","sub":"partner-7","scope":"shop.read","iat":%d,"exp":%d}`,
		now.Unix(), now.AddDate(0, 0, 1).Unix())
	signed := encode(header) + "." + encode(claims)
	return signed + "." + encode(ed25519.Sign(key(), []byte(signed)))
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
