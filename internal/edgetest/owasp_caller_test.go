package edgetest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// denied fails the test unless an answer is a refusal with this code, and no upstream was asked.
func (e *edge) denied(t *testing.T, got answer, code string) {
	t.Helper()
	if got.code() != code || got.status < http.StatusBadRequest {
		t.Errorf("got %d %s, want %s", got.status, got.body, code)
	}
	if asked := e.notes.asked.Load(); asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
}

// fine fails the test unless an answer is one.
func fine(t *testing.T, got answer) answer {
	t.Helper()
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	return got
}

func anothersObject(t *testing.T, e *edge) {
	t.Helper()
	ann := e.issuer.token("ann", "notes")
	e.denied(t, e.send(t, sent{rpc: "GetNote", token: ann, body: `{"owner": "bob", "id": "n1"}`}), "permission_denied")
	e.denied(t, e.send(t, sent{rpc: "CreateNote", token: ann, body: `{"owner": "bob", "text": "x"}`, header: []string{"Idempotency-Key", "k1"}}), "permission_denied")
	fine(t, e.send(t, sent{rpc: "GetNote", token: ann, body: `{"owner": "ann", "id": "n1"}`}))
}

func anothersPage(t *testing.T, e *edge) {
	t.Helper()
	first := fine(t, e.send(t, sent{rpc: "ListMine", token: e.issuer.token("ann", "notes"), body: `{}`}))
	asked := e.notes.asked.Load()
	next := fmt.Sprintf(`{"pageToken": %q}`, first.field("nextPageToken"))
	if got := e.send(t, sent{rpc: "ListMine", token: e.issuer.token("bob", "notes"), body: next}); got.code() != "invalid_argument" || e.notes.asked.Load() != asked {
		t.Errorf("bob got %d %s", got.status, got.body)
	}
	fine(t, e.send(t, sent{rpc: "ListMine", token: e.issuer.token("ann", "notes"), body: next}))
}

func anothersKey(t *testing.T, e *edge) {
	t.Helper()
	for _, id := range []string{"ann", "bob"} {
		got := fine(t, e.send(t, sent{rpc: "CreateMine", token: e.issuer.token(id, "notes"), body: `{"text": "x"}`, header: []string{"Idempotency-Key", "k1"}}))
		if got.field("note", "owner") != id {
			t.Errorf("%s got %s", id, got.body)
		}
	}
	if created := e.notes.created.Load(); created != 2 {
		t.Errorf("%d notes were created", created)
	}
}

func badProofs(t *testing.T, e *edge) {
	t.Helper()
	now := time.Now()
	claims := func(change func(map[string]any)) map[string]any {
		claims := map[string]any{"iss": "https://id.example", "aud": "notes", "sub": "ann", "scope": "notes", "exp": now.Add(time.Hour).Unix()}
		change(claims)
		return claims
	}
	same := func(map[string]any) {}
	header := map[string]any{"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
	good := e.issuer.sign(header, claims(same))
	fine(t, e.send(t, sent{rpc: "GetMine", token: good, body: `{"id": "n1"}`}))
	e.notes.asked.Store(0)
	unsigned := e.issuer.sign(map[string]any{"alg": "none"}, claims(same))
	for name, token := range map[string]string{
		"none":            "",
		"no token":        "x",
		"alg none":        unsigned[:strings.LastIndex(unsigned, ".")+1],
		"another issuer":  e.issuer.sign(header, claims(func(c map[string]any) { c["iss"] = "https://id.example/" })),
		"another service": e.issuer.sign(header, claims(func(c map[string]any) { c["aud"] = "billing" })),
		"expired":         e.issuer.sign(header, claims(func(c map[string]any) { c["exp"] = now.Add(-time.Hour).Unix() })),
		"never ends":      e.issuer.sign(header, claims(func(c map[string]any) { delete(c, "exp") })),
		"not yet":         e.issuer.sign(header, claims(func(c map[string]any) { c["nbf"] = now.Add(time.Hour).Unix() })),
		"another key":     newIssuer(t).sign(header, claims(same)),
		"an id token":     e.issuer.sign(map[string]any{"alg": "ES256", "kid": "k1", "typ": "logout+jwt"}, claims(same)),
		"altered":         good[:len(good)-6] + "AAAAAA",
	} {
		t.Run(name, func(t *testing.T) {
			e.denied(t, e.send(t, sent{rpc: "GetMine", token: token, body: `{"id": "n1"}`}), "unauthenticated")
		})
	}
}

func guesses(t *testing.T, e *edge) {
	t.Helper()
	stranger := newIssuer(t)
	for i := range 200 {
		token := stranger.sign(map[string]any{"alg": "ES256", "kid": fmt.Sprint("guess", i)}, map[string]any{
			"iss": "https://id.example", "aud": "notes", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(),
		})
		got := e.send(t, sent{rpc: "GetMine", token: token, body: `{}`})
		if code := got.code(); code != "unauthenticated" && code != "unavailable" { // it may be of a key that is not known yet
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if asked := e.notes.asked.Load(); asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
	const few = 3
	if asked := e.issuer.asked.Load(); asked > few {
		t.Errorf("200 guesses asked the issuer %d times", asked)
	}
}

func badProofOfAnyone(t *testing.T, e *edge) {
	t.Helper()
	e.denied(t, e.send(t, sent{rpc: "GetNews", token: newIssuer(t).token("ann"), body: `{}`}), "unauthenticated")
	fine(t, e.send(t, sent{rpc: "GetNews", body: `{}`}))
}

func unnamedFields(t *testing.T, e *edge) {
	t.Helper()
	got := fine(t, e.send(t, sent{rpc: "GetMine", token: e.issuer.token("ann", "notes"), body: `{"id": "n1"}`}))
	if strings.Contains(got.body, "admin") {
		t.Errorf("got %s", got.body)
	}
}

func hiddenField(t *testing.T, e *edge) {
	t.Helper()
	for scopes, visible := range map[string]bool{"notes": false, "notes moderate": true} {
		got := fine(t, e.send(t, sent{rpc: "ListMine", token: e.issuer.token("ann", scopes), body: `{}`}))
		if strings.Contains(got.body, "moderation") != visible || !strings.Contains(got.body, "a secret of ann") {
			t.Errorf("%s: got %s", scopes, got.body)
		}
	}
}

func massAssignment(t *testing.T, e *edge) {
	t.Helper()
	e.denied(t, e.send(t, sent{
		rpc: "CreateNote", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann", "text": "x", "isAdmin": true}`, header: []string{"Idempotency-Key", "k1"},
	}), "invalid_argument")
}

func operatorsRPC(t *testing.T, e *edge) {
	t.Helper()
	e.denied(t, e.send(t, sent{rpc: "DeleteAll", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann"}`}), "permission_denied")
	fine(t, e.send(t, sent{rpc: "DeleteAll", token: e.issuer.token("olga", "operate"), body: `{"owner": "ann"}`}))
}

func internalRPC(t *testing.T, e *edge) {
	t.Helper()
	got := e.send(t, sent{rpc: "/notes.v1.OperationsService/Drain", token: e.issuer.token("olga", "operate"), body: `{}`})
	e.denied(t, got, "unimplemented")
	unknown := e.send(t, sent{rpc: "/notes.v1.OperationsService/Drian", token: e.issuer.token("olga", "operate"), body: `{}`})
	if strings.ReplaceAll(got.body, "Drain", "Drian") != unknown.body || got.status != unknown.status {
		t.Errorf("%d %s differs from what an unknown RPC gets: %d %s", got.status, got.body, unknown.status, unknown.body)
	}
}

func otherMethods(t *testing.T, e *edge) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead} {
		request, err := http.NewRequestWithContext(t.Context(), method, e.url+service+`DeleteAll?connect=v1&encoding=json&message={"owner":"ann"}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+e.issuer.token("olga", "operate"))
		got, err := e.do(request)
		if err != nil || got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s, error %v", method, got.status, got.body, err)
		}
	}
	if asked := e.notes.asked.Load(); asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
}
