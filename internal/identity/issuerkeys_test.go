package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// unavailable fails the test unless a token cannot be checked at the moment.
func unavailable(t *testing.T, provider identity.Provider, d *draft) {
	t.Helper()
	if caller, err := provider.Identify(t.Context(), d.proof()); !errors.Is(err, identity.ErrUnavailable) {
		t.Fatalf("caller %v, error %v; want unavailable", caller, err)
	}
}

func signedBy(id string) *draft {
	d := newDraft()
	if id != "rsa" {
		by(id, "RS256")(d)
	}
	times("iat", 0)(d)
	times("exp", 3600)(d)
	return d
}

// TestRotation: a token of a key that was not there a moment ago is accepted at once, time and again; one of a key that is gone is not,
// though it was accepted before.
func TestRotation(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()[:1]}
		provider := openJWT(t, from, nil)
		old := signedBy("rsa")
		proof := old.proof()
		if _, err := provider.Identify(t.Context(), proof); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"rs256", "stranger", "enc"} { // whatever they are elsewhere, here they are keys
			from.set(append([]map[string]any{jwk(id, nil)}, from.keys...), nil)
			accept(t, provider, signedBy(id))
		}
		if got := from.count(); got != 4 {
			t.Errorf("%d fetches for 3 rotations", got)
		}
		if _, err := provider.Identify(t.Context(), proof); err != nil {
			t.Errorf("the old key was lost: %v", err)
		}
		from.set([]map[string]any{jwk("enc", nil)}, nil)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if _, err := provider.Identify(t.Context(), proof); err == nil {
			t.Error("a token of a key that is gone is accepted")
		}
		accept(t, provider, signedBy("enc"))
	})
}

// TestFlood: tokens of unknown keys cost the issuer one fetch in ten seconds, and tell nobody that a good token is a bad one.
func TestFlood(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()[:1], delay: 100 * time.Millisecond}
		provider := openJWT(t, from, nil)
		accept(t, provider, signedBy("rsa"))
		before := from.count()
		const rounds, callers = 300, 5
		for range rounds { // half a minute
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					d := newDraft()
					by("ed", "EdDSA")(d) // it is the quickest
					header(`"ed"`, fmt.Sprintf(`"kid-%d"`, serial()))(d)
					times("iat", 0)(d)
					if caller, err := provider.Identify(t.Context(), d.proof()); err == nil {
						t.Errorf("caller = %v", caller)
					}
				})
			}
			all.Wait()
			accept(t, provider, signedBy("rsa")) // nobody else notices
			time.Sleep(100 * time.Millisecond)
		}
		if got := from.count() - before; got < 3 || got > 5 {
			t.Errorf("%d tokens caused %d fetches in half a minute", rounds*callers, got)
		}
		// Issued before the keys were fetched, a token of an unknown key is refused; issued after that, it may be of a newer key.
		old := newDraft()
		header(`"rsa"`, `"gone"`)(old)
		if reason := refused(t, provider, old); !strings.Contains(reason, noKnown) {
			t.Errorf("refused because %q", reason)
		}
		from.set(append(from.keys, jwk("rs256", nil)), nil)
		fresh := signedBy("rs256")
		unavailable(t, provider, fresh)
		time.Sleep(10 * time.Second)
		accept(t, provider, fresh)
	})
}

// TestCoalesced: many who need the same new key cause one fetch.
func TestCoalesced(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()[:1], delay: time.Second}
		provider := openJWT(t, from, nil)
		accept(t, provider, signedBy("rsa"))
		from.set(append(from.keys, jwk("rs256", nil)), nil)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := provider.Identify(t.Context(), signedBy("rs256").proof()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := from.count(); got != 2 {
			t.Errorf("%d fetches", got)
		}
	})
}

// TestAway: without its issuer, a provider serves as soon as it is there, keys that are known go on for a day, and no token is called bad
// for want of keys.
func TestAway(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()[:1], err: errAway}
		var logged bytes.Buffer
		provider := openJWT(t, from, func(config *identity.JWTConfig) {
			config.Keys.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		})
		unavailable(t, provider, signedBy("rsa"))
		unavailable(t, provider, signedBy("rsa"))
		if got := from.count(); got > 2 {
			t.Errorf("%d fetches at once", got)
		}
		from.set(from.keys, nil)
		time.Sleep(10 * time.Second)
		accept(t, provider, signedBy("rsa"))

		from.set(nil, errAway)
		time.Sleep(23 * time.Hour)
		accept(t, provider, signedBy("rsa"))
		unavailable(t, provider, signedBy("rs256"))
		if reason := refused(t, provider, func() *draft { d := signedBy("rsa"); d.signer = "stranger"; return d }()); !strings.Contains(reason, noHold) {
			t.Errorf("refused because %q", reason)
		}
		time.Sleep(time.Hour)
		unavailable(t, provider, signedBy("rsa"))
		from.set(published()[:1], nil)
		time.Sleep(10 * time.Second)
		accept(t, provider, signedBy("rsa"))
		if text := logged.String(); !strings.Contains(text, "no new keys of an issuer") || !strings.Contains(text, errAway.Error()) || !strings.Contains(text, "provider=main") {
			t.Errorf("logged %.500s", text)
		}
	})
}

// TestRefresh: keys are fetched when it is time, behind calls.
func TestRefresh(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()[:1]}
		provider := openJWT(t, from, func(config *identity.JWTConfig) { config.Keys.Refresh = time.Minute })
		accept(t, provider, signedBy("rsa"))
		time.Sleep(time.Hour)
		if got := from.count(); got < 60 || got > 70 {
			t.Errorf("%d fetches in an hour", got)
		}
	})
}

// TestKeptToken: a token is looked at again when it ends, however long its key is good.
func TestKeptToken(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		provider := openJWT(t, &issuer{keys: published()[:1]}, nil)
		d := newDraft()
		times("exp", 60)(d)
		proof := d.proof()
		first, err := provider.Identify(t.Context(), proof)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(80 * time.Second) // within the clock's skew
		again, err := provider.Identify(t.Context(), proof)
		if err != nil || again != first {
			t.Errorf("the caller is another one, error %v", err)
		}
		if !first.Expires.Equal(time.Unix(time.Now().Unix()-20, 0)) {
			t.Errorf("expires = %s", first.Expires)
		}
		time.Sleep(10 * time.Second)
		if reason := func() string { _, err := provider.Identify(t.Context(), proof); return fmt.Sprint(err) }(); reason != "token has expired" {
			t.Errorf("refused because %q", reason)
		}
	})
}

// TestLandedMeanwhile: who finds no keys, and asks when they have just come, causes no fetch that makes others wait.
func TestLandedMeanwhile(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{keys: published()}
		provider := openJWT(t, from, nil)
		synctest.Wait()
		if err := identity.AwaitKeys(t.Context(), provider); err != nil || from.count() != 1 {
			t.Errorf("error %v after %d fetches", err, from.count())
		}
	})
}

// TestWithoutKid: a token that does not name its key is tried with those that fit, up to four; a rotation is noticed, too.
func TestWithoutKid(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		nameless := func(id string) *draft {
			d := signedBy(id)
			header(`"kid":"`+id+`",`, ``)(d)
			return d
		}
		from := &issuer{keys: []map[string]any{without(jwk("rsa", nil), "kid"), jwk("ec", nil)}}
		provider := openJWT(t, from, nil)
		accept(t, provider, nameless("rsa"))
		from.set([]map[string]any{without(jwk("rs256", nil), "kid")}, nil)
		accept(t, provider, nameless("rs256"))
		var many []map[string]any
		for _, id := range []string{"rsa", "rs256", "enc", "ops", "open"} {
			many = append(many, jwk(id, nil))
		}
		crowded := openJWT(t, &issuer{keys: many}, nil)
		accept(t, crowded, signedBy("rsa"))
		if reason := refused(t, crowded, nameless("rsa")); !strings.Contains(reason, "does not name its key") {
			t.Errorf("refused because %q", reason)
		}
	})
}

// TestDiscovery: metadata says where keys are, if it is that of the issuer, and on the upstream.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	good := openJWT(t, &issuer{keys: published()}, func(config *identity.JWTConfig) {
		config.Keys.Discovery, config.Keys.Path = true, "/.well-known/openid-configuration"
	})
	accept(t, good, newDraft())
	for want, metadata := range map[string]string{
		"write issuer: https://idp.example/other": `{"issuer": "https://idp.example/other", "jwks_uri": "https://idp.example/realm/keys"}`,
		"is not below the upstream's base_url":    `{"issuer": "https://idp.example/realm", "jwks_uri": "https://keys.example/realm/keys"}`,
		`"https://idp.example/realmkeys"`:         `{"issuer": "https://idp.example/realm", "jwks_uri": "https://idp.example/realmkeys"}`,
		`"https://idp.example/realm/../keys"`:     `{"issuer": "https://idp.example/realm", "jwks_uri": "https://idp.example/realm/../keys"}`,
		`"http://idp.example/realm/keys"`:         `{"issuer": "https://idp.example/realm", "jwks_uri": "http://idp.example/realm/keys"}`,
		"no JSON object with issuer and jwks_uri": `<html>`,
		"of issuer \\\"\\\"":                      `{}`,
	} {
		from := &issuer{body: metadata}
		logged := &safeBuffer{}
		provider := openJWT(t, from, func(config *identity.JWTConfig) {
			config.Keys.Discovery, config.Keys.Path = true, "/other"
			config.Keys.Logger = slog.New(slog.NewTextHandler(logged, nil))
		})
		unavailable(t, provider, newDraft())
		if text := logged.String(); !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), strings.ReplaceAll(want, `\"`, `"`)) {
			t.Errorf("%s: logged %s", metadata, text)
		}
	}
}

// safeBuffer gathers what several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestKeySets: an answer that is no key set changes nothing; one without keys that can be used withdraws all.
func TestKeySets(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		for body, withdraws := range map[string]bool{
			`{"keys": []}`: true, `{"keys": [{"kty": "oct", "k": "AAAA"}]}`: true, `{"keys": [1, {"kty": "RSA"}]}`: true,
			`<html>`: false, `{}`: false, `[]`: false, `{"keys": null}`: false, `{"keys": [], "keys": []}`: false, `{"keys": {}}`: false,
			`{"keys": [` + strings.Repeat(`{},`, 100) + `{}]}`: false,
		} {
			from := &issuer{keys: published()[:1]}
			provider := openJWT(t, from, nil)
			d := newDraft()
			times("exp", 3600)(d)
			proof := d.proof()
			if _, err := provider.Identify(t.Context(), proof); err != nil {
				t.Fatal(err)
			}
			from.mu.Lock()
			from.body = body
			from.mu.Unlock()
			time.Sleep(11 * time.Minute)
			if _, err := provider.Identify(t.Context(), proof); (err != nil) != withdraws {
				t.Errorf("%.50s: error = %v", body, err)
			}
		}
	})
}

// TestCloseWhileAsking: whoever waits for keys while a provider is closed is told so.
func TestCloseWhileAsking(t *testing.T) {
	t.Parallel()
	pairs() // they take long to make, in whatever time
	synctest.Test(t, func(t *testing.T) {
		from := &issuer{delay: time.Hour}
		opened := identity.NewJWT(identity.JWTConfig{Issuer: theIssuer, Audiences: []string{theAudience}, Keys: identity.IssuerKeysConfig{Fetch: from.fetch}})
		provider := identity.NewBearer([]*identity.JWT{opened}, nil)
		go func() {
			time.Sleep(time.Second)
			opened.Close()
		}()
		unavailable(t, provider, newDraft())
		unavailable(t, provider, newDraft())
	})
}
