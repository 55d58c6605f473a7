package upstreams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// TestCredentialOnWire: each kind goes where it is declared to go, and overrides what the call says.
func TestCredentialOnWire(t *testing.T) {
	t.Parallel()
	accounts := store.NewAccounts(map[string]store.Account{
		"alice": {Attributes: map[string]string{"id": "17"}, Secrets: map[string]*secret.Source{"token": secret.Fixed(secret.NewValue("of/alice"))}},
	})
	ofAlice := upstreams.Secret{Account: "token"}
	for name, test := range map[string]struct {
		credential  upstreams.Credential
		header, uri string
	}{
		"none":    {nil, "Authorization: call's", "/base/things/1?q=1"},
		"bearer":  {upstreams.BearerCredential{Secret: fixed(canary)}, "Authorization: Bearer " + canary, "/base/things/1?q=1"},
		"header":  {upstreams.HeaderCredential{Name: "X-Api-Key", Secret: fixed(canary)}, "X-Api-Key: " + canary, "/base/things/1?q=1"},
		"query":   {upstreams.QueryCredential{Name: "key", Secret: fixed("a b&c")}, "", "/base/things/1?q=1&key=a+b%26c"},
		"path":    {upstreams.PathCredential{Prefix: "/u/${account.id}/bot${secret}", Secret: ofAlice}, "", "/base/u/17/botof%2Falice/things/1?q=1"},
		"basic":   {upstreams.BasicCredential{Username: "Aladdin", Password: fixed("open sesame")}, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "/base/things/1?q=1"},
		"caller":  {upstreams.CallerCredential{}, "Authorization: Custom the caller's", "/base/things/1?q=1"},
		"account": {upstreams.BearerCredential{Secret: ofAlice}, "Authorization: Bearer of/alice", "/base/things/1?q=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			client := open(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				_, _ = io.WriteString(w, "{}")
			}, func(config *upstreams.Config) { config.Credential, config.Accounts = test.credential, accounts })
			request := get("/things/1")
			request.Query, request.Account, request.Header = "q=1", "alice", http.Header{"Authorization": {"call's"}}
			request.Authorization = secret.NewValue("Custom the caller's")
			if _, err := client.Do(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			header, value, _ := strings.Cut(test.header, ": ")
			if got.RequestURI != test.uri || got.Header.Get(header) != value {
				t.Errorf("request URI = %s, want %s; header = %v, want %s", got.RequestURI, test.uri, got.Header, test.header)
			}
			if request.Header.Get("Authorization") != "call's" {
				t.Error("the call's own header was changed")
			}
		})
	}
}

// TestNothingToSignWith: a request that cannot be signed is not sent, and does not count against the upstream.
func TestNothingToSignWith(t *testing.T) {
	t.Parallel()
	for name, credential := range map[string]upstreams.Credential{
		"caller": upstreams.CallerCredential{}, "empty": upstreams.BearerCredential{}, "account": upstreams.BearerCredential{Secret: upstreams.Secret{Account: "token"}},
	} {
		client := open(t, func(http.ResponseWriter, *http.Request) { t.Error("the upstream was touched") }, func(config *upstreams.Config) {
			config.Credential, config.Accounts, config.Breaker.MinRequests = credential, store.NewAccounts(nil), 1
		})
		_, err := client.Do(t.Context(), get("/things/1"))
		failure, ok := errors.AsType[*upstreams.Error](err)
		if !ok || failure.Kind != upstreams.KindCredentials || !failure.Unsent || failure.Retryable() || client.BreakerState("") != "closed" {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestEchoedSecret: an upstream that says a secret again in an error makes it neither a part of the error, nor of what error rules
// see.
func TestEchoedSecret(t *testing.T) {
	t.Parallel()
	const awkward = `can"ary/7f 3a+9c`
	for name, credential := range map[string]upstreams.Credential{
		"bearer": upstreams.BearerCredential{Secret: fixed(awkward)},
		"query":  upstreams.QueryCredential{Name: "key", Secret: fixed(awkward)},
		"path":   upstreams.PathCredential{Prefix: "/bot${secret}", Secret: fixed(awkward)},
		"basic":  upstreams.BasicCredential{Username: "me", Password: fixed(awkward)},
		"hmac": upstreams.HMACCredential{
			Header: "X-Signature", Key: fixed(awkward), Text: []upstreams.TextPart{{Hole: "body"}}, Value: []upstreams.TextPart{{Hole: "signature"}},
		},
		"caller": upstreams.CallerCredential{},
	} {
		client := open(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "%s %s | %s | %q %s %s", r.RequestURI, r.Header.Get("Authorization"), awkward, awkward, r.Header.Get("X-Signature"), r.URL.Query().Get("key"))
		}, func(config *upstreams.Config) { config.Credential = credential })
		request := get("/things/1")
		request.Authorization = secret.NewValue("Bearer " + awkward)
		_, err := client.Do(t.Context(), request)
		failure, _ := errors.AsType[*upstreams.Error](err)
		shown := fmt.Sprintf("%v %+v %s", err, failure, failure.Answer.Body)
		for _, part := range []string{"ary/7f", "ary%2F7f", "3a+9c", "3a%2B9c", "Y2FuIm", "OmNhbi"} {
			if strings.Contains(shown, part) {
				t.Errorf("%s: %q is shown: %s", name, part, shown)
			}
		}
	}
}

// TestSignedAnew: each try of a call is signed with what holds then.
func TestSignedAnew(t *testing.T) {
	t.Parallel()
	accounts := store.NewAccounts(map[string]store.Account{"alice": {Secrets: map[string]*secret.Source{"token": secret.Fixed(secret.NewValue("first"))}}})
	defer accounts.Close()
	var seen []string
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if err := accounts.Renew(r.Context(), store.Renewal{Account: "alice", Limit: time.Minute, Ask: func(context.Context) (map[string]secret.Value, error) {
			return map[string]secret.Value{"token": secret.NewValue("second")}, nil
		}}); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}, func(config *upstreams.Config) {
		config.Credential, config.Accounts = upstreams.BearerCredential{Secret: upstreams.Secret{Account: "token"}}, accounts
		config.Retries = upstreams.RetryConfig{Max: 1, Budget: 1, Backoff: 1}
	})
	request := get("/things/1")
	request.Account = "alice"
	_, err := client.Do(t.Context(), request)
	if failure, ok := errors.AsType[*upstreams.Error](err); !ok || failure.Answer.Generation != 1 || fmt.Sprint(seen) != "[Bearer first Bearer second]" {
		t.Errorf("sent %v; error = %v", seen, err)
	}
}

// TestCallersAnswersApart: what is kept for one caller, or under way for one, is never another's.
func TestCallersAnswersApart(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}, func(config *upstreams.Config) {
		config.Credential, config.Cache = upstreams.CallerCredential{}, &upstreams.CacheConfig{Store: store.NewMemory(1 << 20)}
	})
	var callers sync.WaitGroup
	for range 4 {
		for _, caller := range []string{"Bearer alice", "Bearer bob", "Basic alice"} {
			callers.Go(func() {
				for range 3 {
					request := get("/things/1")
					request.Authorization = secret.NewValue(caller)
					answer, err := client.Do(t.Context(), request)
					if err != nil || string(answer.Body) != caller || !answer.Private {
						t.Errorf("%s got %v, error %v", caller, answer, err)
					}
				}
			})
		}
	}
	callers.Wait()
	if asked.Load() < 3 || asked.Load() > 12 {
		t.Errorf("asked %d times", asked.Load())
	}
	before := asked.Load()
	if _, err := client.Do(t.Context(), get("/things/1")); kind(err) != upstreams.KindCredentials || asked.Load() != before {
		t.Errorf("without a caller: error = %v", err)
	}
}
