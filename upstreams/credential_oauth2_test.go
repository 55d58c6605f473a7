package upstreams_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// authority is an authorization server. It issues token-1, token-2 and so on.
type authority struct {
	*upstreams.Client

	asked  atomic.Int32
	status atomic.Int32
	last   atomic.Pointer[http.Request]
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		a.last.Store(r)
		number := a.asked.Add(1)
		w.WriteHeader(int(a.status.Load()))
		if a.status.Load() != http.StatusOK {
			_, _ = fmt.Fprintf(w, "%s %s", r.Form.Encode(), r.Header.Get("Authorization")) // it echoes what it was told
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, number)
	}))
	t.Cleanup(server.Close)
	client, err := upstreams.New(upstreams.Config{Name: "idp", BaseURL: server.URL, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	a.Client = client
	t.Cleanup(client.Close)
	return a
}

func (a *authority) credential() upstreams.OAuth2Credential {
	return upstreams.OAuth2Credential{Server: a.Client, Path: "/token", ClientID: "me:too", ClientSecret: fixed("canary&7f3a9c"), Scopes: []string{"read", "write"}}
}

// TestTokenRequest: what the authorization server is asked, by each grant and each way to prove who we are.
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change        func(*upstreams.OAuth2Credential)
		authorization string
		form          string
	}{
		"basic": {func(*upstreams.OAuth2Credential) {}, "Basic bWUlM0F0b286Y2FuYXJ5JTI2N2YzYTlj", "grant_type=client_credentials&scope=read+write"},
		"form": {
			func(o *upstreams.OAuth2Credential) {
				o.AuthInForm, o.Scopes, o.Form = true, nil, map[string]string{"audience": "shop"}
			}, "",
			"audience=shop&client_id=me%3Atoo&client_secret=canary%267f3a9c&grant_type=client_credentials",
		},
		"exchange": {
			func(o *upstreams.OAuth2Credential) { o.Exchange, o.Scopes = true, nil }, "Basic bWUlM0F0b286Y2FuYXJ5JTI2N2YzYTlj",
			"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=alice&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuing := newAuthority(t)
			credential := issuing.credential()
			test.change(&credential)
			client := open(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) },
				func(config *upstreams.Config) { config.Credential = credential })
			for range 3 {
				request := get("/things/1")
				request.Authorization = secret.NewValue("bearer alice")
				answer, err := client.Do(t.Context(), request)
				if err != nil || string(answer.Body) != "Bearer token-1" {
					t.Fatalf("answer = %v, error = %v", answer, err)
				}
			}
			asked := issuing.last.Load()
			if got := asked.Header.Get("Authorization"); got != test.authorization || asked.PostForm.Encode() != test.form || asked.URL.Path != "/token" || issuing.asked.Load() != 1 {
				t.Errorf("Authorization = %s, form = %s, asked %d times", got, asked.PostForm.Encode(), issuing.asked.Load())
			}
		})
	}
}

// TestExchangePerCaller: a token that was exchanged for one caller's is for this one alone, and without a bearer there is none.
func TestExchangePerCaller(t *testing.T) {
	t.Parallel()
	issuing := newAuthority(t)
	credential := issuing.credential()
	credential.Exchange = true
	client := open(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) },
		func(config *upstreams.Config) { config.Credential = credential })
	for _, test := range []struct{ caller, want string }{
		{"Bearer alice", "Bearer token-1"}, {"Bearer bob", "Bearer token-2"}, {"bearer alice", "Bearer token-1"}, {"Basic alice", ""}, {"", ""}, {"Bearer ", ""},
	} {
		request := get("/things/1")
		request.Authorization = secret.NewValue(test.caller)
		answer, err := client.Do(t.Context(), request)
		switch {
		case test.want == "" && kind(err) != upstreams.KindCredentials:
			t.Errorf("%q: error = %v", test.caller, err)
		case test.want != "" && (err != nil || string(answer.Body) != test.want):
			t.Errorf("%q: answer = %v, error = %v", test.caller, answer, err)
		}
	}
}

// TestNoToken: that is an error of its own, which is not the resource's fault, and shows no secret.
func TestNoToken(t *testing.T) {
	t.Parallel()
	issuing := newAuthority(t)
	issuing.status.Store(http.StatusUnauthorized)
	credential := issuing.credential()
	credential.Exchange = true
	client := open(t, func(http.ResponseWriter, *http.Request) { t.Error("the upstream was touched") }, func(config *upstreams.Config) {
		config.Credential, config.Breaker.MinRequests = credential, 1
	})
	for range 5 {
		request := get("/things/1")
		request.Authorization = secret.NewValue("Bearer canary-of-alice")
		_, err := client.Do(t.Context(), request)
		failure, ok := errors.AsType[*upstreams.Error](err)
		if !ok || failure.Kind != upstreams.KindToken || !failure.Retryable() || !failure.Unsent || client.BreakerState("") != "closed" {
			t.Fatalf("error = %v", err)
		}
		if shown := fmt.Sprintf("%v %+v", err, failure); strings.Contains(shown, "canary") || strings.Contains(shown, "bWUl") || !strings.Contains(shown, "answered 401") {
			t.Errorf("error = %s", shown)
		}
	}
	if asked := issuing.asked.Load(); asked > 2 {
		t.Errorf("asked %d times", asked)
	}
}

// TestRefusedToken: a 401 is answered with a new token, once, also for a write, and only if there is a new one.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	issuing := newAuthority(t)
	good := atomic.Pointer[string]{}
	set := func(token string) { good.Store(&token) }
	var asked atomic.Int32
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer "+*good.Load() || string(body) != "{}" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}, func(config *upstreams.Config) { config.Credential = issuing.credential() })
	do := func() error {
		request := get("/things")
		request.Method, request.Body = http.MethodPost, []byte("{}")
		_, err := client.Do(t.Context(), request)
		return err
	}
	set("token-1")
	if err := do(); err != nil || asked.Load() != 1 {
		t.Fatal(err)
	}
	set("token-2")
	if err := do(); err != nil || asked.Load() != 3 {
		t.Fatalf("error = %v, asked %d times", err, asked.Load())
	}
	set("none")
	if err := do(); kind(err) != upstreams.KindCredentials || asked.Load() != 4 || issuing.asked.Load() != 2 {
		t.Errorf("error = %v, asked %d times, tokens %d", err, asked.Load(), issuing.asked.Load())
	}
}

// TestRefusedWithoutToken: if no new token can be had, the refusal stands, and says so.
func TestRefusedWithoutToken(t *testing.T) {
	t.Parallel()
	issuing := newAuthority(t)
	client := open(t, func(w http.ResponseWriter, _ *http.Request) {
		issuing.status.Store(http.StatusServiceUnavailable)
		w.WriteHeader(http.StatusUnauthorized)
	}, func(config *upstreams.Config) { config.Credential = issuing.credential() })
	_, err := client.Do(t.Context(), get("/things/1"))
	failure, _ := errors.AsType[*upstreams.Error](err)
	if failure == nil || failure.Kind != upstreams.KindCredentials || failure.Unsent || !strings.Contains(err.Error(), "get token") {
		t.Errorf("error = %v", err)
	}
}

// TestSlowToken: a call does not wait for a token longer than for an answer.
func TestSlowToken(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then it is told of who leaves
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	issuing, err := upstreams.New(upstreams.Config{Name: "idp", BaseURL: server.URL, Private: true, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuing.Close)
	client := open(t, func(http.ResponseWriter, *http.Request) { t.Error("the upstream was touched") }, func(config *upstreams.Config) {
		config.Timeout = 10 * time.Millisecond
		config.Credential = upstreams.OAuth2Credential{Server: issuing, Path: "/", ClientID: "me", ClientSecret: fixed(canary)}
	})
	if _, err := client.Do(t.Context(), get("/things/1")); kind(err) != upstreams.KindToken {
		t.Errorf("error = %v", err)
	}
}

func TestOAuth2Refuses(t *testing.T) {
	t.Parallel()
	_, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: "http://things", Credential: upstreams.OAuth2Credential{}})
	if err == nil {
		t.Error("a credential without a server was accepted")
	}
}
