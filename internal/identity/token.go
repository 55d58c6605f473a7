package identity

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxToken bounds a token in bytes.
const maxToken = 16 << 10

// bearerScheme is the name of the scheme in HTTP (RFC 6750).
const bearerScheme = "Bearer"

// refuse is the error of a bearer token that does not hold.
func refuse(reason string) error {
	return &Error{Reason: reason, Challenge: challengeOf(reason)}
}

// challengeOf is what WWW-Authenticate says of a token (RFC 6750, section 3). The reason is ASCII without quotes.
func challengeOf(reason string) string {
	return bearerScheme + ` error="invalid_token", error_description="` + reason + `"`
}

// bearerToken is what a request has as its token (RFC 6750, section 2.1), whose characters are still to be looked at. The error is ErrNone if
// there is none, also if Authorization is of another scheme.
func bearerToken(header http.Header) (string, error) {
	values := header["Authorization"]
	if len(values) == 0 {
		return "", ErrNone
	}
	if !slices.ContainsFunc(values, func(value string) bool {
		return len(value) >= len(bearerScheme) && strings.EqualFold(value[:len(bearerScheme)], bearerScheme)
	}) {
		return "", ErrNone
	}
	if len(values) > 1 {
		return "", refuse("there is more than one Authorization header")
	}
	token, ok := strings.CutPrefix(values[0][len(bearerScheme):], " ")
	switch {
	case len(token) > maxToken:
		return "", refuse("token is too long")
	case !ok:
		return "", errNotBearer()
	default:
		return token, nil
	}
}

func errNotBearer() error { return refuse("Authorization is not Bearer and one token") }

// isBearer reports whether a text is a b64token of RFC 6750, section 2.1.
func isBearer(text string) bool {
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		switch c := body[i]; { // in the order of how often a token has them
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return body != ""
}

// signedToken is a JWT (RFC 7519) in the form of a JWS. Nothing of it has been verified.
type signedToken struct {
	text string
	// algorithm is alg, kid may be empty for none, and typ is nil for none.
	algorithm, kid string
	typ            *string
	// payload is a JSON object, and claims are its members.
	payload []byte
	claims  claims
	issuer  string
	lifetime
}

// isJWT reports whether a token can only be meant as a JWT: it has three parts, the first of which begins as a JSON object does.
func isJWT(token string) bool {
	return strings.Count(token, ".") == 2 && (strings.HasPrefix(token, "ey") || strings.HasPrefix(token, "ew"))
}

// parseToken reads a JWT strictly. Whatever two readers could understand differently is refused.
func parseToken(text string) (*signedToken, error) {
	parts := strings.Split(text, ".")
	if len(parts) == 5 {
		return nil, refuse("token is encrypted, which is not supported")
	}
	if len(parts) != 3 {
		return nil, refuse("token is no JWT")
	}
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		var err error
		// Strict refuses bits behind the end; line breaks, which it lets pass, are none of a Bearer's characters.
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(decoded[i]) == 0 || strings.ContainsAny(part, "\r\n") {
			return nil, refuse("token is no JWT")
		}
	}
	token := &signedToken{text: text, payload: decoded[1]}
	if err := token.readHeader(decoded[0]); err != nil {
		return nil, err
	}
	return token, token.readPayload()
}

// refusedMembers are members of a header that name a key, or another way of reading: none is needed, and each has been an attack.
var refusedMembers = []string{"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2s", "p2c"}

// maxKid bounds the id of a key in bytes.
const maxKid = 256

func (t *signedToken) readHeader(text []byte) error {
	header, err := readClaims(text)
	if err != nil {
		return refuse("header of the token cannot be read")
	}
	for _, name := range refusedMembers {
		if _, present := header[name]; present {
			return refuse("header of the token holds " + name + ", which is not supported")
		}
	}
	var ok bool
	if t.algorithm, ok = header.text("alg"); !ok {
		return refuse("header of the token names no algorithm")
	}
	if _, present := header["kid"]; present {
		if t.kid, ok = header.text("kid"); !ok || t.kid == "" || len(t.kid) > maxKid || strings.ContainsFunc(t.kid, unicode.IsControl) {
			return refuse("header of the token holds a kid that no key has")
		}
	}
	if _, present := header["typ"]; present {
		typ, ok := header.text("typ")
		if !ok {
			return refuse("header of the token holds a typ that is no text")
		}
		t.typ = &typ
	}
	if _, present := header["cty"]; present {
		if content, ok := header.text("cty"); !ok || sameType(content, "JWT") {
			return refuse("token holds another token, which is not supported")
		}
	}
	return nil
}

func (t *signedToken) readPayload() error {
	var err error
	if t.claims, err = readClaims(t.payload); err != nil {
		return refuse("claims of the token cannot be read")
	}
	if t.lifetime, err = t.claims.lifetime(); err != nil {
		return err
	}
	var ok bool
	if t.issuer, ok = t.claims.text("iss"); !ok {
		return refuse("claim iss is missing, or no text")
	}
	return nil
}

// sameType compares media types that may leave out application/ (RFC 7515, section 4.1.9).
func sameType(one, other string) bool {
	const prefix = "application/"
	if len(one) > len(prefix) && strings.EqualFold(one[:len(prefix)], prefix) {
		one = one[len(prefix):]
	}
	return strings.EqualFold(one, other)
}

// isOlder reports whether the token says that it was issued before a time, for clocks that are apart by skew.
func (t *signedToken) isOlder(than time.Time, skew time.Duration) bool {
	return !t.issued.IsZero() && t.issued.Add(skew).Before(than)
}
