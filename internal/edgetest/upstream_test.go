package edgetest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// issuer signs tokens, and serves its key.
type issuer struct {
	key   *ecdsa.PrivateKey
	asked atomic.Int64
}

func newIssuer(tb testing.TB) *issuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return &issuer{key: key}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.asked.Add(1)
	point, _ := i.key.PublicKey.Bytes() // 4, x, y
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "use": "sig", "x": %q, "y": %q}]}`,
		encode(point[1:33]), encode(point[33:]))
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// token is one for a caller with scopes.
func (i *issuer) token(id string, scopes ...string) string {
	return i.sign(map[string]any{"alg": "ES256", "kid": "k1", "typ": "at+jwt"}, map[string]any{
		"iss": "https://id.example", "aud": "notes", "sub": id, "scope": strings.Join(scopes, " "),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "jti": rand.Text(),
	})
}

// sign is a token with this header and these claims.
func (i *issuer) sign(header, claims map[string]any) string {
	head, _ := json.Marshal(header)
	body, _ := json.Marshal(claims)
	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		panic(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + "." + encode(signature)
}

// subject is whom a token is about, as an upstream reads it that trusts the edge.
func subject(authorization string) string {
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		return ""
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Sub string `json:"sub"`
	}
	_ = json.Unmarshal(raw, &claims)
	return claims.Sub
}

// notes is the upstream. What it answers names the caller whose token it was asked with, so that an answer that reaches anyone else
// shows.
type notes struct {
	asked   atomic.Int64
	created atomic.Int64
	odd     atomic.Pointer[http.HandlerFunc]

	mu    sync.Mutex
	paths []string
}

func newNotes() *notes { return &notes{} }

// answerOddly makes the upstream answer everything in one way from now on.
func (n *notes) answerOddly(handler http.HandlerFunc) { n.odd.Store(&handler) }

func (n *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.asked.Add(1)
	n.mu.Lock()
	n.paths = append(n.paths, r.Method+" "+r.URL.RequestURI())
	n.mu.Unlock()
	if odd := n.odd.Load(); odd != nil {
		(*odd)(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=60")
	caller := subject(r.Header.Get("Authorization"))
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/news":
		_, _ = w.Write([]byte(`{"text": "hello"}`))
	case r.URL.Path == "/drain":
		_, _ = w.Write([]byte(`{"state": "draining"}`))
	case r.Method == http.MethodPost:
		_, _ = w.Write(note(caller, "new"+strconv.FormatInt(n.created.Add(1), 10)))
	case r.Method == http.MethodDelete:
		_, _ = w.Write([]byte(`{}`))
	case len(segments) == 4:
		_, _ = w.Write(note(caller, segments[3]))
	case len(segments) == 3:
		_, _ = w.Write(page(caller, r.URL.Query().Get("after")))
	default:
		http.NotFound(w, r)
	}
}

func note(caller, id string) []byte {
	raw, _ := json.Marshal(map[string]any{
		"id": id, "owner": caller, "text": "a secret of " + caller, "moderation": "seen", "tags": []string{caller}, "is_admin": true,
	})
	return raw
}

// page is a page of three notes; after the third page there is none.
func page(caller, after string) []byte {
	at, _ := new(big.Int).SetString("0"+strings.TrimPrefix(after, caller+"-"), 10)
	next := ""
	if at != nil && at.Int64() < 2 {
		next = fmt.Sprintf("%s-%d", caller, at.Int64()+1)
	}
	raw, _ := json.Marshal(map[string]any{"notes": []json.RawMessage{note(caller, "a"), note(caller, "b")}, "next": next})
	return raw
}
