package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// server answers questions about tokens.
type server struct {
	mu      sync.Mutex
	answers map[string]string // by token; others are not active
	err     error
	delay   time.Duration
	asked   int
}

func (s *server) ask(ctx context.Context, token string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if delay := s.delay; delay > 0 {
		s.mu.Unlock()
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	if s.err != nil {
		return nil, s.err
	}
	if answer, ok := s.answers[token]; ok {
		return []byte(answer), nil
	}
	return []byte(`{"active": false}`), nil
}

func (s *server) set(token, answer string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers, s.err = map[string]string{token: answer}, err
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func openIntrospection(t *testing.T, s *server, audiences ...string) *identity.Introspection {
	t.Helper()
	opened := identity.NewIntrospection(identity.IntrospectionConfig{Name: "opaque", Ask: s.ask, Audiences: audiences})
	t.Cleanup(opened.Close)
	return opened
}

func bearing(token string) identity.Proof {
	return identity.Proof{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// describe is what came of a proof, in a word.
func describe(t *testing.T, provider identity.Provider, proof identity.Proof) string {
	t.Helper()
	caller, err := provider.Identify(t.Context(), proof)
	wrong, isWrong := errors.AsType[*identity.Error](err)
	switch {
	case err == nil:
		return caller.Provider + " " + caller.ID
	case isWrong:
		return wrong.Reason
	case errors.Is(err, identity.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, identity.ErrNone):
		return "none"
	default:
		return "error " + err.Error()
	}
}

// TestIntrospection: an answer says who calls, or why nobody does.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		at := func(seconds int) string { return strconv.FormatInt(now+int64(seconds), 10) }
		for answer, want := range map[string]string{
			`{"active": true, "sub": "alice", "aud": "shop", "exp": ` + at(60) + `, "scope": "a b"}`: "opaque alice",
			`{"active": true, "client_id": "batch", "aud": ["x", "shop"]}`:                           "opaque batch",
			`{"active": true, "sub": "alice", "client_id": "web", "aud": "shop"}`:                    "opaque alice",
			`{"active": true, "sub": "alice", "aud": "shop", "exp": null, "token_type": "Bearer"}`:   "opaque alice",
			`{"active": false, "sub": "alice", "aud": "shop"}`:                                       "token is not active",
			`{"active": true, "aud": "shop"}`:                                                        "claim sub or client_id is missing",
			`{"active": true, "sub": "ann\u202e\u2028bob", "aud": "shop"}`:                           "claim sub is no text that could be an id",
			`{"active": true, "sub": "Jörg Müller", "aud": "shop"}`:                                  "opaque Jörg Müller",
			`{"active": true, "sub": "", "client_id": "web", "aud": "shop"}`:                         "claim sub is no text that could be an id",
			`{"active": true, "sub": "alice"}`:                                                       "claim aud is no text and no list of texts",
			`{"active": true, "sub": "alice", "aud": "bank"}`:                                        "token is for another audience",
			`{"active": true, "sub": "alice", "aud": "shop", "exp": ` + at(-31) + `}`:                "token has expired",
			`{"active": true, "sub": "alice", "aud": "shop", "nbf": ` + at(40) + `}`:                 "token is not valid yet",
			`{"active": true, "sub": "alice", "aud": "shop", "exp": "soon"}`:                         "claim exp is no time",
			`{"active": true, "sub": "alice", "aud": "shop", "token_type": "refresh_token"}`:         "token is no access token",
			`{"active": true, "sub": "alice", "aud": "shop", "token_type": "DPoP"}`:                  "token is no access token",
			`{"active": true, "sub": "alice", "aud": "shop", "token_use": "refresh_token"}`:          "token is no access token",
			`{"active": true, "sub": "alice", "aud": "shop", "typ": "Refresh"}`:                      "token is no access token",
			`{"active": true, "sub": "alice", "aud": "shop", "cnf": {"jkt": "x"}}`:                   "token is bound to a key, which is not supported",
			`{"active": "true", "sub": "alice", "aud": "shop"}`:                                      "unavailable",
			`{"active": 1, "sub": "alice", "aud": "shop"}`:                                           "unavailable",
			`{"sub": "alice", "aud": "shop"}`:                                                        "unavailable",
			`{"active": false, "active": true, "sub": "alice", "aud": "shop"}`:                       "unavailable",
			`{"active": true, "sub": "alice", "aud": "shop"} x`:                                      "unavailable",
			`<html>`: "unavailable", ``: "unavailable",
		} {
			provider := identity.NewBearer(nil, openIntrospection(t, &server{answers: map[string]string{"good": answer}}, "shop"))
			if got := describe(t, provider, bearing("good")); got != want {
				t.Errorf("%s: %s, want %s", answer, got, want)
			}
		}
	})
}

// TestIntrospectionKeeps: an answer is good for a while, never beyond the end of the token; a bad one for a shorter while.
func TestIntrospectionKeeps(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		provider := identity.NewBearer(nil, openIntrospection(t, s))
		check := func(want string, asked int) {
			t.Helper()
			if got := describe(t, provider, bearing("good")); got != want || s.count() != asked {
				t.Errorf("%s after %d questions; want %s after %d", got, s.count(), want, asked)
			}
		}
		check("token is not active", 1)
		s.set("good", fmt.Sprintf(`{"active": true, "sub": "alice", "exp": %d}`, time.Now().Unix()+55), nil)
		check("token is not active", 1)
		time.Sleep(5 * time.Second)
		check("opaque alice", 2)
		s.set("", "", errAway)
		time.Sleep(29 * time.Second)
		check("opaque alice", 2)
		time.Sleep(time.Second)
		check("unavailable", 3)
		s.set("good", fmt.Sprintf(`{"active": true, "sub": "alice", "exp": %d}`, time.Now().Unix()+20), nil)
		check("opaque alice", 4)
		time.Sleep(20 * time.Second)
		s.set("", "", nil)
		check("token is not active", 5)
	})
}

// TestIntrospectionCoalesces: who asks about the same token at the same time waits for the same answer; nobody takes it away by leaving.
func TestIntrospectionCoalesces(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{"good": `{"active": true, "sub": "alice"}`}, delay: time.Second}
		provider := identity.NewBearer(nil, openIntrospection(t, s))
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() {
			if _, err := provider.Identify(hasty, bearing("good")); !errors.Is(err, identity.ErrUnavailable) {
				t.Errorf("error = %v", err)
			}
		}()
		synctest.Wait()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := describe(t, provider, bearing("good")); got != "opaque alice" {
					t.Error(got)
				}
			})
		}
		all.Wait()
		if s.count() != 1 {
			t.Errorf("%d questions", s.count())
		}
	})
}

// TestBadTokensDriveNoneOut: a flood of bad tokens does not make good ones be asked about anew.
func TestBadTokensDriveNoneOut(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{"good": `{"active": true, "sub": "alice"}`}}
		provider := identity.NewBearer(nil, openIntrospection(t, s))
		describe(t, provider, bearing("good"))
		const flood = 20_000
		for i := range flood {
			describe(t, provider, bearing(fmt.Sprint("bad", i)))
		}
		asked := s.count()
		if got := describe(t, provider, bearing("good")); got != "opaque alice" || s.count() != asked || asked < 2 {
			t.Errorf("%s after %d questions, and %d before", got, s.count(), asked)
		}
	})
}

// TestChoice: each token goes to whom it is for. What can only be meant as a JWT, and cannot be read, is asked about nowhere.
func TestChoice(t *testing.T) {
	t.Parallel()
	jwts := identity.NewJWT(identity.JWTConfig{
		Name: "main", Issuer: theIssuer, Audiences: []string{theAudience}, Keys: identity.IssuerKeysConfig{Fetch: (&issuer{keys: published()}).fetch, Path: "/keys"},
	})
	t.Cleanup(jwts.Close)
	others := newDraft()
	claim("iss", `"https://others.example"`)(others)
	unread := newDraft()
	also(`"sub":"admin"`)(unread)
	forged := newDraft()
	forged.signer = "stranger"
	s := &server{answers: map[string]string{"opaque": `{"active": true, "sub": "bob"}`}}
	both := identity.NewBearer([]*identity.JWT{jwts}, openIntrospection(t, s))
	alone := identity.NewBearer([]*identity.JWT{jwts}, nil)
	for name, row := range map[string]struct {
		proof               identity.Proof
		withBoth, withAlone string
	}{
		"nothing":        {identity.Proof{}, "none", "none"},
		"another scheme": {identity.Proof{Header: http.Header{"Authorization": {"Basic YTpi"}}}, "none", "none"},
		"a JWT":          {newDraft().proof(), "main alice", "main alice"},
		"forged":         {forged.proof(), noHold, noHold},
		"of others":      {others.proof(), "token is not active", "token is of an issuer that is not known here"},
		"opaque":         {bearing("opaque"), "opaque bob", noJWT},
		"unknown":        {bearing("unknown"), "token is not active", noJWT},
		"PASETO":         {bearing("v4.public.AAAA"), "token is not active", noJWT},
		"unreadable":     {unread.proof(), noClaims, noClaims},
	} {
		if got := describe(t, both, row.proof); got != row.withBoth {
			t.Errorf("%s: %s, want %s", name, got, row.withBoth)
		}
		if got := describe(t, alone, row.proof); got != row.withAlone {
			t.Errorf("%s, without introspection: %s, want %s", name, got, row.withAlone)
		}
	}
	claim("jti", `"more"`)(others)
	s.set(others.token(), `{"active": true, "sub": "carol"}`, nil)
	if got := describe(t, both, others.proof()); got != "opaque carol" {
		t.Errorf("a JWT of an issuer that nobody has: %s", got)
	}
}

// TestAfterClose: a provider that is closed asks nobody.
func TestAfterClose(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Hour}
		opened := openIntrospection(t, s)
		provider := identity.NewBearer(nil, opened)
		go func() {
			time.Sleep(time.Second)
			opened.Close()
		}()
		if got := describe(t, provider, bearing("good")); got != "token is not active" { // the server of this test answers who leaves, too
			t.Error(got)
		}
		if got := describe(t, provider, bearing("other")); got != "unavailable" || s.count() != 1 {
			t.Errorf("%s after %d questions", got, s.count())
		}
	})
}
