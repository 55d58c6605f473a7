package identity_test

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// counted are keys in memory that count how often they are looked for, and can be away.
type counted struct {
	store.Keys

	finds atomic.Int64
	away  atomic.Bool
}

func (c *counted) Find(ctx context.Context, prefix string) (*store.Key, error) {
	c.finds.Add(1)
	if c.away.Load() {
		return nil, store.ErrAway
	}
	return c.Keys.Find(ctx, prefix)
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	keys, err := store.FileKeys(filepath.Join(t.TempDir(), "keys.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &counted{Keys: keys}
}

func issue(t *testing.T, keys store.Keys, of store.Key) (prefix, text string) {
	t.Helper()
	key, value, err := identity.IssueKey(t.Context(), keys, of)
	if err != nil {
		t.Fatal(err)
	}
	return key.Prefix, value.Reveal()
}

func withKey(values ...string) identity.Proof {
	return identity.Proof{Header: http.Header{"X-Api-Key": values}}
}

// reasonOf is what a client is told of a proof that does not hold.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	wrong, ok := errors.AsType[*identity.Error](err)
	if !ok {
		t.Fatalf("error = %v", err)
	}
	return wrong.Reason
}

// TestAPIKey: a key gives its caller, with all that it was made for.
func TestAPIKey(t *testing.T) {
	t.Parallel()
	keys := newCounted(t)
	expires := time.Now().Add(time.Hour)
	_, text := issue(t, keys, store.Key{ID: "partner-7", Scopes: []string{"orders.read", "x"}, Claims: map[string]string{"team": "a\"b"}, Expires: expires})
	provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
	caller, err := provider.Identify(t.Context(), withKey(text))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"provider":"partners","id":"partner-7","scopes":["orders.read","x"],"claims":{"team":"a\"b"}}`
	if got := string(caller.JSON()); got != want || !caller.Expires.Equal(expires) {
		t.Errorf("caller = %s, expires %s", got, caller.Expires)
	}
	again, err := provider.Identify(t.Context(), withKey(text))
	if err != nil || again != caller || keys.finds.Load() != 1 {
		t.Errorf("%v, %d look-ups", err, keys.finds.Load())
	}
	if _, err := provider.Identify(t.Context(), identity.Proof{Header: http.Header{"Authorization": {"Bearer " + text}}}); !errors.Is(err, identity.ErrNone) {
		t.Errorf("error = %v", err)
	}
}

// TestAPIKeyRefused: what does not hold is refused, with a reason that says no more than whoever has the key may know, and without a part
// of the key's secret.
func TestAPIKeyRefused(t *testing.T) {
	t.Parallel()
	keys, others := newCounted(t), newCounted(t)
	prefix, good := issue(t, keys, store.Key{ID: "a"})
	revokedPrefix, revoked := issue(t, keys, store.Key{ID: "b"})
	if _, err := keys.Revoke(t.Context(), revokedPrefix, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, expired := issue(t, keys, store.Key{ID: "c", Expires: time.Now().Add(-time.Second)})
	_, foreign := issue(t, others, store.Key{ID: "d"})
	provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
	for name, test := range map[string]struct {
		values []string
		want   string
	}{
		"revoked":       {[]string{revoked}, "the API key has been revoked"},
		"expired":       {[]string{expired}, "the API key has expired"},
		"another's":     {[]string{foreign}, "the API key is not valid"},
		"wrong secret":  {[]string{forge(prefix)}, "the API key is not valid"},
		"truncated":     {[]string{good[:len(good)-1]}, "the API key is not valid"},
		"prefix alone":  {[]string{prefix}, "the API key is not valid"},
		"typing error":  {[]string{good[:25] + flip(good[25:26]) + good[26:]}, "the API key is not valid"},
		"other letters": {[]string{strings.ToUpper(good)}, "the API key is not valid"},
		"oversized":     {[]string{good + strings.Repeat("a", 60_000)}, "the API key is not valid"},
		"empty":         {[]string{""}, "the API key is not valid"},
		"two":           {[]string{good, good}, "there is more than one API key"},
		"two in one":    {[]string{good + ", " + good}, "the API key is not valid"},
	} {
		_, err := provider.Identify(t.Context(), withKey(test.values...))
		if got := reasonOf(t, err); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
		for _, value := range test.values {
			if len(value) > 30 && strings.Contains(err.Error(), value[20:30]) {
				t.Errorf("%s: the error shows the key: %v", name, err)
			}
		}
	}
}

// forge is a key with this prefix, and a secret that nobody was given.
func forge(prefix string) string {
	unsummed := "sheaf_" + prefix + "_" + strings.Repeat("a", 26)
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(unsummed)))
	return unsummed + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))
}

func flip(letter string) string {
	if letter == "a" {
		return "b"
	}
	return "a"
}

// TestRevokedWithinSeconds: a key that is revoked elsewhere ends within three seconds, and one that was made is known as soon.
func TestRevokedWithinSeconds(t *testing.T) {
	t.Parallel()
	keys := newCounted(t)
	prefix, text := issue(t, keys, store.Key{ID: "a"})
	later := newCounted(t)
	_, early := issue(t, later, store.Key{ID: "b"})
	synctest.Test(t, func(t *testing.T) {
		provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
		if _, err := provider.Identify(t.Context(), withKey(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Revoke(t.Context(), prefix, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		_, err := provider.Identify(t.Context(), withKey(text))
		if got := reasonOf(t, err); !strings.Contains(got, "revoked") {
			t.Errorf("reason = %q", got)
		}

		if _, err := provider.Identify(t.Context(), withKey(early)); err == nil {
			t.Fatal("a key is known that is not there")
		}
		all, err := later.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Add(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if _, err := provider.Identify(t.Context(), withKey(early)); err != nil {
			t.Errorf("error = %v", err)
		}
	})
}

// TestExpiresWhileKnown: a key ends at its time, however lately it was looked for.
func TestExpiresWhileKnown(t *testing.T) {
	t.Parallel()
	keys := newCounted(t)
	synctest.Test(t, func(t *testing.T) {
		_, text := issue(t, keys, store.Key{ID: "a", Expires: time.Now().Add(time.Second)})
		provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
		if _, err := provider.Identify(t.Context(), withKey(text)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := provider.Identify(t.Context(), withKey(text)); err == nil {
			t.Error("the key is still good")
		}
	})
}

// TestKeysAwayForAWhile: while keys cannot be looked for, those that are known are good for five minutes, and others cannot be checked.
func TestKeysAwayForAWhile(t *testing.T) {
	t.Parallel()
	keys := newCounted(t)
	_, known := issue(t, keys, store.Key{ID: "a"})
	_, other := issue(t, keys, store.Key{ID: "b"})
	synctest.Test(t, func(t *testing.T) {
		provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
		if _, err := provider.Identify(t.Context(), withKey(known)); err != nil {
			t.Fatal(err)
		}
		keys.away.Store(true)
		time.Sleep(4 * time.Minute)
		if _, err := provider.Identify(t.Context(), withKey(known)); err != nil {
			t.Errorf("known: %v", err)
		}
		for range 1000 { // which is no flood
			if _, err := provider.Identify(t.Context(), withKey(other)); !errors.Is(err, identity.ErrUnavailable) || !errors.Is(err, store.ErrAway) {
				t.Fatalf("other: %v", err)
			}
		}
		time.Sleep(time.Minute)
		if _, err := provider.Identify(t.Context(), withKey(known)); !errors.Is(err, identity.ErrUnavailable) {
			t.Errorf("after five minutes: %v", err)
		}
		keys.away.Store(false)
		for _, text := range []string{known, other} {
			if _, err := provider.Identify(t.Context(), withKey(text)); err != nil {
				t.Errorf("back: %v", err)
			}
		}
	})
}

// TestFloodOfKeys: whoever makes prefixes up floods nothing, and those whose keys are known are let in meanwhile.
func TestFloodOfKeys(t *testing.T) {
	t.Parallel()
	keys, made := newCounted(t), &unkept{}
	_, good := issue(t, keys, store.Key{ID: "a"})
	synctest.Test(t, func(t *testing.T) {
		provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
		if _, err := provider.Identify(t.Context(), withKey(good)); err != nil {
			t.Fatal(err)
		}
		unavailable, last := 0, ""
		const seconds, each = 10, 500
		for range seconds {
			for range each {
				_, last = issue(t, made, store.Key{ID: "x"})
				if _, err := provider.Identify(t.Context(), withKey(last)); errors.Is(err, identity.ErrUnavailable) {
					unavailable++
				}
			}
			time.Sleep(time.Second)
			if _, err := provider.Identify(t.Context(), withKey(good)); err != nil {
				t.Errorf("the good key: %v", err)
			}
		}
		if finds := keys.finds.Load(); finds > 250+50*seconds+seconds || finds < 250 || unavailable < seconds*each-800 {
			t.Errorf("%d look-ups, %d unavailable", finds, unavailable)
		}
		time.Sleep(10 * time.Second)
		before := keys.finds.Load()
		for range 100 { // one prefix is looked for once
			if _, err := provider.Identify(t.Context(), withKey(last)); reasonOf(t, err) != "the API key is not valid" {
				t.Errorf("error = %v", err)
			}
		}
		if finds := keys.finds.Load() - before; finds != 1 {
			t.Errorf("%d look-ups for one prefix", finds)
		}
	})
}

// unkept keeps no key.
type unkept struct{ store.Keys }

func (*unkept) Add(context.Context, *store.Key) error { return nil }

// TestKeysTogether: those who wait for the same key look for it once.
func TestKeysTogether(t *testing.T) {
	t.Parallel()
	keys := newCounted(t)
	_, text := issue(t, keys, store.Key{ID: "a"})
	provider := identity.NewAPIKeys("partners", "X-Api-Key", slow{keys})
	synctest.Test(t, func(t *testing.T) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := provider.Identify(t.Context(), withKey(text)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	if finds := keys.finds.Load(); finds != 1 {
		t.Errorf("%d look-ups", finds)
	}
}

// slow takes its time.
type slow struct{ store.Keys }

func (s slow) Find(ctx context.Context, prefix string) (*store.Key, error) {
	time.Sleep(time.Second)
	return s.Keys.Find(ctx, prefix)
}

// TestOneProof: two proofs are refused, in whatever order they would be asked for.
func TestOneProof(t *testing.T) {
	t.Parallel()
	chain := identity.NewChain(identity.OneProof("x-api-key", "Authorization"), identity.NewAPIKeys("partners", "X-Api-Key", newCounted(t)))
	proof := withKey("a")
	proof.Header.Set("Authorization", "Bearer b")
	_, err := chain.Identify(t.Context(), proof, true)
	if reason := reasonOf(t, err); !strings.Contains(reason, "one proof") {
		t.Errorf("reason = %q", reason)
	}
	if caller, err := chain.Identify(t.Context(), identity.Proof{}, true); err != nil || !caller.IsAnonymous() {
		t.Errorf("%v, %v", caller, err)
	}
	if _, err := chain.Identify(t.Context(), identity.Proof{}, false); !errors.Is(err, identity.ErrNone) {
		t.Errorf("error = %v", err)
	}
}

// FuzzPrefixOf: only what Sheaf could have made has the form of a key.
func FuzzPrefixOf(f *testing.F) {
	_, value, err := identity.IssueKey(f.Context(), &unkept{}, store.Key{})
	if err != nil {
		f.Fatal(err)
	}
	good := value.Reveal()
	for _, seed := range []string{good, good[1:], "sheaf__", "", strings.ToUpper(good), good + good, strings.Replace(good, "_", "-", 2)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		prefix, ok := identity.PrefixOf(text)
		if !ok {
			return
		}
		parts := strings.Split(text, "_")
		if len(parts) != 3 || parts[0] != "sheaf" || parts[1] != prefix || len(prefix) != 12 || len(parts[2]) != 33 || !identity.IsPrefix(prefix) {
			t.Errorf("%q is no key", text)
		}
	})
}

func BenchmarkAPIKey(b *testing.B) {
	keys, err := store.FileKeys(filepath.Join(b.TempDir(), "keys.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	_, value, err := identity.IssueKey(b.Context(), keys, store.Key{ID: "a"})
	if err != nil {
		b.Fatal(err)
	}
	provider, proof := identity.NewAPIKeys("partners", "X-Api-Key", keys), withKey(value.Reveal())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := provider.Identify(b.Context(), proof); err != nil {
			b.Fatal(err)
		}
	}
}
