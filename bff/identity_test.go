package bff_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/go-jose/go-jose/v4"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// idp is an issuer of tokens, and the server that is asked about others.
type idp struct {
	url string

	mu            sync.Mutex
	key           *ecdsa.PrivateKey
	kid           string
	away          bool
	fetches       int
	introspection int
	client        string
}

func startIDP(t *testing.T) *idp {
	t.Helper()
	i := &idp{}
	i.rotate(t, "first")
	routes := http.NewServeMux()
	routes.HandleFunc("GET /.well-known/openid-configuration", i.answer(func(*http.Request) string {
		return fmt.Sprintf(`{"issuer": %q, "jwks_uri": %q}`, i.url, i.url+"/keys")
	}))
	routes.HandleFunc("GET /keys", i.answer(func(*http.Request) string {
		i.fetches++
		set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: i.kid, Use: "sig"}}})
		return string(set)
	}))
	routes.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.introspection++
		user, _, _ := r.BasicAuth()
		i.client = user
		i.mu.Unlock()
		switch token := r.FormValue("token"); token {
		case "opaque-alice":
			_, _ = io.WriteString(w, `{"active": true, "sub": "alice", "scope": "read"}`)
		case "opaque-form":
			http.Error(w, "no such token: "+token, http.StatusBadRequest)
		case "opaque-canary-echo":
			http.Error(w, "cannot make sense of "+token, http.StatusBadGateway)
		default:
			_, _ = io.WriteString(w, `{"active": false}`)
		}
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *idp) answer(with func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, with(r))
	}
}

func (i *idp) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.kid = key, kid
}

func (i *idp) setAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func (i *idp) counts() (fetches, introspection int, client string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches, i.introspection, i.client
}

func (i *idp) token(t *testing.T, audience string) string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: crypto.Signer(i.key), KeyID: i.kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	signed, err := signer.Sign(fmt.Appendf(nil, `{"iss": %q, "sub": "alice", "aud": %q, "iat": %d, "exp": %d, "role": "owner"}`, i.url, audience, now, now+300))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const whoami = `
-- proto/who.proto --
syntax = "proto3";
package who.v1;
service WhoService { rpc Get(GetRequest) returns (GetResponse); rpc Open(GetRequest) returns (OpenResponse); }
message GetRequest {}
message GetResponse { string provider = 1; string id = 2; string role = 3; }
message OpenResponse { string provider = 1; }
-- bindings/who.yaml --
service: who.v1.WhoService
rpcs:
  Get: {response: {provider: caller.provider, id: caller.id, role: caller.claims.role}}
  Open: {response: {provider: caller.provider}}
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams:
  idp: {base_url: "IDP", network: private, breaker: {min_requests: 1000}}
  asked: {base_url: "IDP", network: private, credentials: {basic: {username: sheaf, password: {env: IDP_SECRET}}}}
policy:
  anonymous: [who.v1.WhoService/Open]
  identity:
    main: {jwt: {issuer: "IDP", audiences: [shop], discovery: "idp:/.well-known/openid-configuration"}}
    opaque: {introspection: {endpoint: "asked:/introspect"}}
`

func serveWho(t *testing.T, i *idp) (*house, string) {
	t.Helper()
	dir := plantest.Write(t, strings.ReplaceAll(whoami, "IDP\"", i.url+"\""))
	return serve(t, dir, bff.WithLookupEnv(func(string) (string, bool) { return "canary-secret", true })), dir
}

// who calls an RPC with a value of Authorization, which may be empty for none.
func (h *house) who(t *testing.T, rpc, authorization string, options ...connect.ClientOption) (string, error) {
	t.Helper()
	client := connect.NewClient[structpb.Struct, structpb.Struct](h.http1, h.url+"/who.v1.WhoService/"+rpc, append(options, connect.WithCodec(plainJSON{}))...)
	request := connect.NewRequest(&structpb.Struct{})
	if authorization != "" {
		request.Header().Set("Authorization", authorization)
	}
	response, err := client.CallUnary(withDeadline(t), request)
	if err != nil {
		return "", err
	}
	text, _ := response.Msg.MarshalJSON()
	return string(text), nil
}

// plainJSON lets a Struct stand for any message.
type plainJSON struct{}

func (plainJSON) Name() string { return "json" }

func (plainJSON) Marshal(message any) ([]byte, error) {
	return message.(*structpb.Struct).MarshalJSON()
}

func (plainJSON) Unmarshal(text []byte, message any) error {
	return message.(*structpb.Struct).UnmarshalJSON(text)
}

// TestIdentity: who calls is found out before anything else, in every protocol, and clients learn what is wrong with their proof.
func TestIdentity(t *testing.T) {
	t.Parallel()
	i := startIDP(t)
	h, _ := serveWho(t, i)
	good, forOthers := i.token(t, "shop"), i.token(t, "bank")
	for name, option := range map[string]connect.ClientOption{"connect": connect.WithClientOptions(), "gRPC-Web": connect.WithGRPCWeb()} {
		for _, row := range []struct {
			rpc, authorization, want string
			code                     connect.Code
			reason, challenge        string
		}{
			{rpc: "Get", authorization: "Bearer " + good, want: `{"id":"alice","provider":"main","role":"owner"}`},
			{rpc: "Get", authorization: "Bearer opaque-alice", want: `{"id":"alice","provider":"opaque"}`},
			{rpc: "Open", authorization: "Bearer " + good, want: `{"provider":"main"}`},
			{rpc: "Open", want: `{"provider":"anonymous"}`},
			{rpc: "Get", code: connect.CodeUnauthenticated, reason: "IDENTITY_MISSING", challenge: "Bearer"},
			{
				rpc: "Get", authorization: "Bearer " + forOthers, code: connect.CodeUnauthenticated, reason: "IDENTITY_INVALID",
				challenge: `Bearer error="invalid_token", error_description="token is for another audience"`,
			},
			{
				rpc: "Open", authorization: "Bearer opaque-bad", code: connect.CodeUnauthenticated, reason: "IDENTITY_INVALID",
				challenge: `Bearer error="invalid_token", error_description="token is not active"`,
			},
			{
				rpc: "Get", authorization: "Bearer opaque-form", code: connect.CodeUnauthenticated, reason: "IDENTITY_INVALID",
				challenge: `Bearer error="invalid_token", error_description="token is not active"`,
			},
			{rpc: "Get", authorization: "Bearer opaque-canary-echo", code: connect.CodeUnavailable, reason: "IDENTITY_UNAVAILABLE"},
		} {
			got, err := h.who(t, row.rpc, row.authorization, option)
			if row.code == 0 {
				if err != nil || strings.ReplaceAll(got, " ", "") != row.want {
					t.Errorf("%s: %s with %.30q: %s, error %v", name, row.rpc, row.authorization, got, err)
				}
				continue
			}
			failure, ok := errors.AsType[*connect.Error](err)
			if !ok || failure.Code() != row.code || detail[*errdetails.ErrorInfo](t, failure).GetReason() != row.reason ||
				failure.Meta().Get("WWW-Authenticate") != row.challenge {
				t.Errorf("%s: %s with %.30q: %v", name, row.rpc, row.authorization, err)
			}
		}
	}
	if _, _, client := i.counts(); client != "sheaf" {
		t.Errorf("introspection was asked by %q", client)
	}
	for _, secret := range []string{"canary", good[:40], "opaque-"} {
		if strings.Contains(h.logs.String(), secret) {
			t.Errorf("%q is in the logs:\n%s", secret, h.logs)
		}
	}
}

// TestIdentityReload: keys, and what is known of tokens, outlive a reload that does not concern them.
func TestIdentityReload(t *testing.T) {
	t.Parallel()
	i := startIDP(t)
	h, dir := serveWho(t, i)
	good := "Bearer " + i.token(t, "shop")
	for _, authorization := range []string{good, "Bearer opaque-alice"} {
		if _, err := h.who(t, "Get", authorization); err != nil {
			t.Fatal(err)
		}
	}
	i.setAway(true)
	config, err := os.ReadFile(dir + "/sheaf.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reload := func(from, to string) {
		t.Helper()
		config = []byte(strings.ReplaceAll(string(config), from, to))
		if err := os.WriteFile(dir+"/sheaf.yaml", config, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.server.Reload(withDeadline(t)); err != nil {
			t.Fatal(err)
		}
	}
	reload("bindings: bindings", "bindings: bindings\nserver: {max_timeout: 20s}")
	for _, authorization := range []string{good, "Bearer opaque-alice", "Bearer " + i.token(t, "shop")} {
		if _, err := h.who(t, "Get", authorization); err != nil {
			t.Errorf("after a reload: %v", err)
		}
	}
	if fetches, asked, _ := i.counts(); fetches != 1 || asked != 1 {
		t.Errorf("keys were fetched %d times, and introspection was asked %d times", fetches, asked)
	}
	reload("audiences: [shop]", "audiences: [shop, bank]")
	if _, err := h.who(t, "Get", good); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a new provider without its issuer: %v", err)
	}
	i.setAway(false)
	soonIdentified(t, h, "Bearer "+i.token(t, "bank"))
	i.rotate(t, "second")
	if _, err := h.who(t, "Get", "Bearer "+i.token(t, "shop")); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
}

func soonIdentified(t *testing.T, h *house, authorization string) {
	t.Helper()
	for ctx := withDeadline(t); ; {
		_, err := h.who(t, "Get", authorization)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it never happened: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestHintsNeedNoProof: whoever has proven nothing learns the names of those RPCs alone that need no proof.
func TestHintsNeedNoProof(t *testing.T) {
	t.Parallel()
	h, _ := serveWho(t, startIDP(t))
	for path, want := range map[string]string{
		"/who.v1.WhoService/Gett": "",
		"/who.v1.WhoService/Opem": `; did you mean "who.v1.WhoService/Open"?`,
		"/Gett":                   "",
	} {
		_, hint, _ := strings.Cut(readAll(t, post(t, h, path, "{}")), path[1:])
		if strings.Contains(hint, "/Get") || strings.Contains(hint, `"Get"`) || !strings.Contains(strings.ReplaceAll(hint, `\"`, `"`), want) {
			t.Errorf("%s: %s, want %q", path, hint, want)
		}
	}
}
