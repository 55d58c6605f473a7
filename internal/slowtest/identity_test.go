//go:build slow

package slowtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// realToken is a token that a real provider has issued, in parts.
type realToken struct {
	text                       string
	header, payload, signature string
	// key is the public one that signed it, as the provider publishes it.
	key jose.JSONWebKey
	// other is another token of the same provider's.
	other string
	// forged is a key of our own, of the kind of the provider's, which is that of the algorithm.
	forged    crypto.Signer
	algorithm string
}

func decode(part string) string {
	text, _ := base64.RawURLEncoding.DecodeString(part)
	return string(text)
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// readToken reads a token, and finds the key that signed it.
func readToken(t *testing.T, keys, token, other string) *realToken {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a JWT of %d parts", len(parts))
	}
	read := &realToken{text: token, header: decode(parts[0]), payload: decode(parts[1]), signature: parts[2], other: other}
	response, err := http.Get(keys)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid, Alg string }
	if err := json.Unmarshal([]byte(read.header), &header); err != nil {
		t.Fatal(err)
	}
	found := set.Key(header.Kid)
	if len(found) != 1 {
		t.Fatalf("%d keys %s", len(found), header.Kid)
	}
	read.key, read.algorithm = found[0], header.Alg
	if header.Alg == "ES256" {
		read.forged, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		read.forged, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// with is the token with another header and payload, and its own signature.
func (r *realToken) with(header, payload string) string {
	return encode(header) + "." + encode(payload) + "." + r.signature
}

// head and claim replace a text that is there.
func (r *realToken) head(from, to string) string {
	return r.with(instead(r.header, from, to), r.payload)
}
func (r *realToken) claim(from, to string) string {
	return r.with(r.header, instead(r.payload, from, to))
}

func instead(text, from, to string) string {
	if !strings.Contains(text, from) {
		panic(from + " is not in " + text)
	}
	return strings.Replace(text, from, to, 1)
}

// forge signs with a key of ours.
func (r *realToken) forge(header, payload string) string {
	input := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	var signed []byte
	var err error
	if private, ok := r.forged.(*ecdsa.PrivateKey); ok {
		a, b, signErr := ecdsa.Sign(rand.Reader, private, sum[:])
		if err = signErr; err == nil {
			signed = append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...)
		}
	} else {
		signed, err = r.forged.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + encode(string(signed))
}

// hmacWith signs with a secret that everybody knows.
func (r *realToken) hmacWith(secret []byte) string {
	input := encode(instead(r.header, r.algorithm, "HS256")) + "." + encode(r.payload)
	made := hmac.New(sha256.New, secret)
	_, _ = made.Write([]byte(input))
	return input + "." + encode(string(made.Sum(nil)))
}

// tampered are tokens that the provider never issued, or that are not presented as one is.
func (r *realToken) tampered() map[string][]string {
	der, err := x509.MarshalPKIXPublicKey(r.key.Key)
	if err != nil {
		panic(err)
	}
	public, err := json.Marshal(r.key)
	if err != nil {
		panic(err)
	}
	own, err := json.Marshal(jose.JSONWebKey{Key: r.forged.Public(), KeyID: r.key.KeyID})
	if err != nil {
		panic(err)
	}
	algorithm := `"alg":"` + r.algorithm + `"`
	headed := func(member string) string { return instead(r.header, `{`, `{`+member+`,`) }
	claimed := func(member string) string { return instead(r.payload, `{`, `{`+member+`,`) }
	signature := []byte(decode(r.signature))
	flipped := append([]byte(nil), signature...)
	flipped[len(flipped)/2] ^= 1
	input := strings.TrimSuffix(r.text, r.signature)
	tokens := map[string]string{
		"none without a signature":    encode(instead(r.header, algorithm, `"alg":"none"`)) + "." + encode(r.payload) + ".",
		"none":                        r.head(algorithm, `"alg":"none"`),
		"nOnE":                        r.head(algorithm, `"alg":"nOnE"`),
		"lower case":                  r.head(algorithm, strings.ToLower(algorithm)),
		"HS256, the key as PEM":       r.hmacWith(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256, the key as DER":       r.hmacWith(der),
		"HS256, the key as JWK":       r.hmacWith(public),
		"HS256, an empty key":         r.hmacWith(nil),
		"PS256":                       r.head(algorithm, `"alg":"PS256"`),
		"another kind of key":         r.head(algorithm, `"alg":"`+map[string]string{"RS256": "ES256", "ES256": "RS256"}[r.algorithm]+`"`),
		"our key under their kid":     r.forge(r.header, r.payload),
		"our key, embedded":           r.forge(headed(`"jwk":`+string(own)), r.payload),
		"our key, by URL":             r.forge(headed(`"jku":"https://evil.example/keys"`), r.payload),
		"our key, by certificate":     r.forge(headed(`"x5u":"https://evil.example/cert"`), r.payload),
		"our key under a kid of ours": r.forge(instead(r.header, r.key.KeyID, "ours"), r.payload),
		"our key under a path":        r.forge(instead(r.header, r.key.KeyID, "../../../dev/null"), r.payload),
		"our key without a kid":       r.forge(instead(r.header, `"kid":"`+r.key.KeyID+`"`, `"x":1`), r.payload),
		"unknown kid":                 r.head(r.key.KeyID, "unknown"),
		"crit":                        r.with(headed(`"crit":["exp"]`), r.payload),
		"b64":                         r.with(headed(`"b64":false`), r.payload),
		"alg twice":                   r.with(headed(`"alg":"none"`), r.payload),
		"white space in the header":   r.with(headed(" "+`"x":1`), r.payload),
		"another subject":             r.claim(`"sub":"`, `"sub":"x`),
		"another issuer":              r.claim(`"iss":"http`, `"iss":"https`),
		"a later end":                 r.claim(`"exp":1`, `"exp":2`),
		"more scopes":                 r.with(r.header, claimed(`"scope":"admin"`)),
		"sub twice":                   r.with(r.header, claimed(`"sub":"admin"`)),
		"trailing data":               r.with(r.header, r.payload+"{}"),
		"no UTF-8":                    r.with(r.header, claimed("\"x\":\"\xff\"")),
		"signature of another token":  input + strings.Split(r.other, ".")[2],
		"payload of another token":    strings.Join([]string{strings.Split(r.text, ".")[0], strings.Split(r.other, ".")[1], r.signature}, "."),
		"one bit of the signature":    input + encode(string(flipped)),
		"signature cut off":           input + encode(string(signature[:len(signature)-1])),
		"signature that is longer":    input + encode(string(signature)+"\x00"),
		"signature of zeros":          input + encode(strings.Repeat("\x00", len(signature))),
		"signature doubled":           r.text + "." + r.signature,
		"no signature":                input,
		"two parts":                   strings.TrimSuffix(input, "."),
		"five parts":                  r.text + ".AAAA.AAAA",
		"padding":                     r.text + "=",
		"bits behind the end":         loosened(r.text),
		"other alphabet":              strings.NewReplacer("-", "+", "_", "/").Replace(r.text) + "+",
		"too long":                    r.text + strings.Repeat("A", 16<<10),
		"JSON serialization":          `{"protected":"` + encode(r.header) + `","payload":"` + encode(r.payload) + `","signature":"` + r.signature + `"}`,
		"nested":                      r.forge(headed(`"cty":"JWT"`), r.text),
		"the token twice":             r.text + "," + r.text,
		"line folded":                 strings.Replace(r.text, ".", ". ", 1),
	}
	all := map[string][]string{
		"two headers":      {"Bearer " + r.text, "Bearer " + r.text},
		"beside Basic":     {"Basic YTpi", "Bearer " + r.text},
		"two spaces":       {"Bearer  " + r.text},
		"tab":              {"Bearer\t" + r.text},
		"scheme twice":     {"Bearer bearer " + r.text},
		"as a parameter":   {"Bearer token=" + r.text},
		"in quotes":        {`Bearer "` + r.text + `"`},
		"without a scheme": {r.text},
		"as Basic":         {"Basic " + r.text},
	}
	for name, token := range tokens {
		all[name] = []string{"Bearer " + token}
	}
	return all
}

// loosened sets a bit behind the end of the signature.
func loosened(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

// TestIdentityProviders: tokens of real providers are accepted, and none that is made from them, by a real sheaf serve.
func TestIdentityProviders(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sheaf")
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	node, z := startOIDCProvider(t), startZitadel(t)
	sheaf := serveWho(t, binary, fmt.Sprintf(`
upstreams:
  node: {base_url: %q, network: private}
  asked: {base_url: %q, network: private, credentials: {basic: {username: sheaf, password: {env: SHEAF_SECRET}}}}
  zitadel: {base_url: %q, network: private}
policy:
  identity:
    node: {jwt: {issuer: %q, audiences: [shop], discovery: "node:/.well-known/openid-configuration", clock_skew: 0s}}
    zitadel: {jwt: {issuer: "%s/", audiences: [web], discovery: "zitadel:/.well-known/openid-configuration", clock_skew: 0s}}
    opaque: {introspection: {endpoint: "asked:/token/introspection"}}
`, node, node, z.base, node, z.base))
	_, zitadelToken := z.logIn(t)
	_, zitadelOther := z.logIn(t)
	opaque := issue(t, node, "")
	secrets := []string{opaque, "canary"}
	count := 0
	for name, token := range map[string]struct{ keys, text, other, want string }{
		"oidc-provider RS256": {node + "/jwks", issue(t, node, "urn:shop:rs"), issue(t, node, "urn:shop:rs"), `"provider":"node","id":"alice"`},
		"oidc-provider ES256": {node + "/jwks", issue(t, node, "urn:shop:es"), issue(t, node, "urn:shop:es"), `"provider":"node","id":"alice"`},
		"zitadel RS256":       {z.base + "/keys", zitadelToken, zitadelOther, `"provider":"zitadel","id":"id1"`},
	} {
		secrets = append(secrets, token.text)
		t.Run(name, func(t *testing.T) {
			issued := readToken(t, token.keys, token.text, token.other)
			good := func() {
				t.Helper()
				if status, body := sheaf.who(t, "Bearer "+token.text); status != http.StatusOK || !strings.Contains(body, token.want) {
					t.Fatalf("the provider's own token: %d %s", status, body)
				}
			}
			good()
			for what, values := range issued.tampered() {
				count++
				status, body := sheaf.who(t, values...)
				if status != http.StatusUnauthorized || !strings.Contains(body, "IDENTITY_") && !strings.Contains(body, "unauthenticated") {
					t.Errorf("%s: %d %s", what, status, body)
				}
				good()
			}
		})
	}
	for what, values := range map[string][]string{
		"for another audience":         {"Bearer " + issue(t, node, "urn:bank")},
		"opaque, and unknown":          {"Bearer " + strings.Repeat("A", len(opaque))},
		"opaque, and one more":         {"Bearer " + opaque + "A"},
		"opaque, of another case":      {"Bearer " + strings.ToUpper(opaque)},
		"opaque, twice":                {"Bearer " + opaque, "Bearer " + opaque},
		"opaque, as Basic":             {"Basic " + opaque},
		"of nobody's":                  nil,
		"a client's secret as a token": {"Bearer canary-alice"},
	} {
		count++
		if status, body := sheaf.who(t, values...); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	if status, body := sheaf.who(t, "Bearer "+opaque); status != http.StatusOK || !strings.Contains(body, `"provider":"opaque","id":"alice"`) {
		t.Errorf("an opaque token: %d %s", status, body)
	}
	short := issue(t, node, "urn:shop:short")
	if status, body := sheaf.who(t, "Bearer "+short); status != http.StatusOK {
		t.Errorf("a short token: %d %s", status, body)
	}
	soon(t, func() bool { status, _ := sheaf.who(t, "Bearer "+short); return status == http.StatusUnauthorized })
	t.Logf("%d attacks", count)
	for _, secret := range secrets {
		if strings.Contains(sheaf.output.String(), secret) {
			t.Errorf("a token is in the logs")
		}
	}
}

// TestZitadelIntrospection: an access token that is encrypted for its own issuer is asked about there, and nobody else's is.
func TestZitadelIntrospection(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sheaf")
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	z := startZitadel(t)
	sheaf := serveWho(t, binary, fmt.Sprintf(`
upstreams:
  zitadel: {base_url: %q, network: private}
  asked: {base_url: %q, network: private, credentials: {basic: {username: web, password: {env: WEB_SECRET}}}}
policy:
  identity:
    main: {jwt: {issuer: "%s/", audiences: [web], discovery: "zitadel:/.well-known/openid-configuration"}}
    opaque: {introspection: {endpoint: "asked:/oauth/introspect", keep: 1s}}
`, z.base, z.base, z.base))
	access, _ := z.logIn(t)
	if status, body := sheaf.who(t, "Bearer "+access); status != http.StatusOK || !strings.Contains(body, `"provider":"opaque","id":"id1"`) {
		t.Errorf("an access token: %d %s", status, body)
	}
	for i := range 5 { // each part of it
		parts := strings.Split(access, ".")
		parts[i] = loosened(parts[i] + "A")
		if status, body := sheaf.who(t, "Bearer "+strings.Join(parts, ".")); status != http.StatusUnauthorized {
			t.Errorf("with another part %d: %d %s", i, status, body)
		}
	}
	z.kill()
	soon(t, func() bool {
		status, _ := sheaf.who(t, "Bearer "+access)
		return status == http.StatusServiceUnavailable
	})
}

// TestKeyRotation: while a real provider rotates its keys, no token of its is refused; once a key is withdrawn, its tokens are.
func TestKeyRotation(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sheaf")
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	node, z := startOIDCProvider(t), startZitadel(t)
	sheaf := serveWho(t, binary, fmt.Sprintf(`
upstreams:
  node: {base_url: %q, network: private}
  zitadel: {base_url: %q, network: private}
policy:
  identity:
    node: {jwt: {issuer: %q, audiences: [shop], jwks: "node:/jwks", refresh: 2s}}
    zitadel: {jwt: {issuer: "%s/", audiences: [web], discovery: "zitadel:/.well-known/openid-configuration"}}
`, node, z.base, node, z.base))
	first := issue(t, node, "urn:shop:es")
	var calls atomic.Int64
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				token := issue(t, node, []string{"urn:shop:rs", "urn:shop:es"}[i%2])
				if status, body := sheaf.who(t, "Bearer "+token); status != http.StatusOK {
					t.Errorf("a good token was refused: %d %s", status, body)
				}
				calls.Add(1)
			}
		})
	}
	const rotations = 5
	for i := range rotations {
		before := calls.Load()
		rotate(t, node+"/rotate?keep")
		soon(t, func() bool { return calls.Load() > before+10 })
		if status, body := sheaf.who(t, "Bearer "+first); status != http.StatusOK {
			t.Errorf("after rotation %d, the first token: %d %s", i, status, body)
		}
	}
	close(done)
	all.Wait()
	t.Logf("%d tokens during %d rotations, none refused", calls.Load(), rotations)
	rotate(t, node+"/rotate")
	soon(t, func() bool { status, _ := sheaf.who(t, "Bearer "+first); return status == http.StatusUnauthorized })
	if status, body := sheaf.who(t, "Bearer "+issue(t, node, "urn:shop:es")); status != http.StatusOK {
		t.Errorf("a token of the newest key: %d %s", status, body)
	}

	_, old := z.logIn(t)
	if status, body := sheaf.who(t, "Bearer "+old); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	z.kill()
	if status, body := sheaf.who(t, "Bearer "+old); status != http.StatusOK {
		t.Errorf("without the issuer: %d %s", status, body)
	}
	z.start(t) // with another key
	_, fresh := z.logIn(t)
	soon(t, func() bool { status, _ := sheaf.who(t, "Bearer "+fresh); return status == http.StatusOK })
	if status, _ := sheaf.who(t, "Bearer "+old); status != http.StatusUnauthorized {
		t.Errorf("a token of the key before: %d", status)
	}
}

func rotate(t *testing.T, url string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}
