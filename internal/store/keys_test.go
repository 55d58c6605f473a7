package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// keyPlaces are the places where keys can be, each with a second opening of the same place.
func keyPlaces(t *testing.T) map[string][2]store.Keys {
	t.Helper()
	server := miniredis.RunT(t)
	path := filepath.Join(t.TempDir(), "state", "keys.json")
	var places [2]map[string]store.Keys
	for i := range places {
		file, err := store.FileKeys(path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		places[i] = map[string]store.Keys{"file": file, "redis": openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Keys("partners")}
	}
	return map[string][2]store.Keys{"file": {places[0]["file"], places[1]["file"]}, "redis": {places[0]["redis"], places[1]["redis"]}}
}

func aKey(prefix string) *store.Key {
	return &store.Key{
		Prefix: prefix, Hash: []byte(strings.Repeat("h", 32)), ID: "id of " + prefix, Scopes: []string{"a", "b"}, Claims: map[string]string{"team": "x"},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Expires: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

// TestKeys: what one process adds and revokes, another one lists; nothing is added twice, and the time of a revocation stays.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, place := range keyPlaces(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, one, two := withDeadline(t), place[0], place[1]
			if keys, err := one.List(ctx); err != nil || len(keys) != 0 {
				t.Fatalf("keys = %v, %v", keys, err)
			}
			for _, prefix := range []string{"b", "a"} {
				if err := one.Add(ctx, aKey(prefix)); err != nil {
					t.Fatal(err)
				}
			}
			if err := two.Add(ctx, aKey("a")); !errors.Is(err, store.ErrPrefixTaken) {
				t.Errorf("error = %v", err)
			}
			first, second := aKey("a").Created.Add(time.Hour), aKey("a").Created.Add(2*time.Hour)
			for _, at := range []time.Time{first, second} {
				if key, err := two.Revoke(ctx, "a", at); err != nil || !key.Revoked.Equal(first) {
					t.Errorf("revoked = %+v, %v", key, err)
				}
			}
			if key, err := two.Revoke(ctx, "c", first); key != nil || err != nil {
				t.Errorf("revoked = %+v, %v", key, err)
			}
			keys, err := one.List(ctx)
			if err != nil {
				t.Fatal(err)
			}
			revoked := aKey("a")
			revoked.Revoked = first
			if diff := cmp.Diff([]*store.Key{revoked, aKey("b")}, keys); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for prefix, want := range map[string]bool{"a": true, "b": true, "c": false} {
				if key, err := two.Find(ctx, prefix); err != nil || (key != nil) != want {
					t.Errorf("found = %+v, %v", key, err)
				}
			}
		})
	}
}

// TestKeysTogether: processes that add and revoke at the same time lose nothing.
func TestKeysTogether(t *testing.T) {
	t.Parallel()
	for name, place := range keyPlaces(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := withDeadline(t)
			var all sync.WaitGroup
			const each = 10
			for i, keys := range place {
				all.Go(func() {
					for j := range each {
						prefix := fmt.Sprintf("%d-%d", i, j)
						if err := keys.Add(ctx, aKey(prefix)); err != nil {
							t.Error(err)
						}
						if _, err := keys.Revoke(ctx, prefix, time.Now()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			keys, err := place[0].List(ctx)
			if err != nil || len(keys) != 2*each {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			for _, key := range keys {
				if key.Revoked.IsZero() {
					t.Errorf("key %s is good", key.Prefix)
				}
			}
		})
	}
}

// TestManyKeysInRedis: the list has more keys than fit on a page.
func TestManyKeysInRedis(t *testing.T) {
	t.Parallel()
	keys := openRedis(t, store.RedisConfig{Addresses: []string{miniredis.RunT(t).Addr()}}).Keys("partners")
	ctx := withDeadline(t)
	const many = 1200
	for i := range many {
		if err := keys.Add(ctx, aKey(fmt.Sprintf("%06d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := keys.List(ctx); err != nil || len(all) != many || all[0].Prefix != "000000" || all[many-1].Prefix != "001199" {
		t.Errorf("%d keys, %v", len(all), err)
	}
}

// TestKeysOfOthers: a key is one provider's.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	redis := openRedis(t, store.RedisConfig{Addresses: []string{miniredis.RunT(t).Addr()}})
	ctx := withDeadline(t)
	if err := redis.Keys("partners").Add(ctx, aKey("a")); err != nil {
		t.Fatal(err)
	}
	if key, err := redis.Keys("services").Find(ctx, "a"); key != nil || err != nil {
		t.Errorf("found = %+v, %v", key, err)
	}
}

// TestKeysAway: without Redis, everything says so.
func TestKeysAway(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	keys := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}, Timeout: time.Second}).Keys("partners")
	server.Close()
	ctx := withDeadline(t)
	_, find := keys.Find(ctx, "a")
	_, list := keys.List(ctx)
	_, revoke := keys.Revoke(ctx, "a", time.Now())
	for name, err := range map[string]error{"find": find, "list": list, "revoke": revoke, "add": keys.Add(ctx, aKey("a"))} {
		if !errors.Is(err, store.ErrAway) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestBrokenKeyInRedis: what is no key lets nobody in, and is no key that is not there.
func TestBrokenKeyInRedis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	keys := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Keys("partners")
	for prefix, text := range map[string]string{"a": "nothing", "b": `{"prefix": "b", "id": "x", "hash": "aGg="}`, "c": `{"prefix": "c"}`, "d": "null"} {
		server.HSet("sheaf:apikeys:partners", prefix, text)
		if key, err := keys.Find(withDeadline(t), prefix); err == nil {
			t.Errorf("%s: found %+v", prefix, key)
		}
	}
}

// TestKeysFileChanges: a file is read again when it has changed, but not more often than once in a second; one that went bad, with one
// warning, not at all.
func TestKeysFileChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	other, err := store.FileKeys(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		logged := &logs{}
		keys, err := store.FileKeys(path, logged.logger())
		if err != nil {
			t.Fatal(err)
		}
		expect := func(when, prefix string, want bool) {
			t.Helper()
			if key, err := keys.Find(t.Context(), prefix); err != nil || (key != nil) != want {
				t.Errorf("%s: found = %+v, %v", when, key, err)
			}
		}
		if err := other.Add(t.Context(), aKey("a")); err != nil {
			t.Fatal(err)
		}
		expect("at once", "a", false)
		time.Sleep(time.Second)
		expect("after a second", "a", true)
		for _, broken := range []string{"{", `{"keys": [{"prefix": "a", "id": "x"}]}`, `{"keys": [null]}`} {
			if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(time.Second)
				expect(broken, "a", true)
			}
			if _, err := other.List(t.Context()); err == nil {
				t.Errorf("%s: there is a list", broken)
			}
			if _, err := store.FileKeys(path, slog.New(slog.DiscardHandler)); err == nil {
				t.Errorf("%s: was opened", broken)
			}
			if err := other.Add(t.Context(), aKey("b")); err == nil {
				t.Errorf("%s: was written over", broken)
			}
		}
		if warnings := strings.Count(logged.String(), "level=WARN"); warnings != 3 {
			t.Errorf("%d warnings: %s", warnings, logged)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect("without a file", "a", false)
	})
}

// TestKeysFileMode: keys are their owner's, and half a file is never seen.
func TestKeysFileMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "keys.json")
	keys, err := store.FileKeys(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Add(context.Background(), aKey("a")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzKeys: whatever a file of keys holds, it is read as keys that can be proven, or refused.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{`{"keys": [{"prefix": "a", "id": "x", "hash": "aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg="}]}`, "{", `{"keys": [null]}`, `{"keys": [{"expires": "x"}]}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "keys.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := store.FileKeys(path, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		all, err := keys.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range all {
			if key.Prefix == "" || key.ID == "" || len(key.Hash) != 32 {
				t.Errorf("key = %+v", key)
			}
		}
	})
}
