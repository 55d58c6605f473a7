package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// TestRestart: what was renewed outlives the process, sealed, until the file of accounts says something else.
func TestRestart(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		first := replica(t, kept.open(t), "seed")
		checkToken(t, first, "seed", 0)
		for i, token := range []string{"canary-1", "canary-2"} {
			if err := first.Renew(withDeadline(t), renewal("alice", uint64(i), token, nil)); err != nil {
				t.Fatal(err)
			}
		}
		second := replica(t, kept.open(t), "seed")
		checkToken(t, second, "canary-2", 2)
		if id, _, _ := second.Secret("alice", "id"); id.Reveal() != "client" {
			t.Error("a secret that was not renewed is gone")
		}
		if bobs, generation, _ := second.Secret("bob", "token"); bobs.Reveal() != "bob's" || generation != 0 {
			t.Error("another account's secret is not its own")
		}
		if dump := kept.dump(t); strings.Contains(dump, "canary") || strings.Contains(dump, "alice") {
			t.Errorf("it holds a secret or a name:\n%s", dump)
		}
		checkToken(t, replica(t, kept.open(t), "another seed"), "another seed", 0)
	})
}

// TestRace: of replicas whose token expires at the same time, one renews it, and the others take that over.
func TestRace(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		const replicas, callers = 4, 3
		var asked atomic.Int64
		var all sync.WaitGroup
		for range replicas {
			accounts := replica(t, kept.open(t), "seed")
			for range callers {
				all.Go(func() {
					if err := accounts.Renew(withDeadline(t), renewal("alice", 0, "new", &asked)); err != nil {
						t.Error(err)
					}
					checkToken(t, accounts, "new", 1)
				})
			}
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

// TestWrongKey: a wrong key is not taken for a first start.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		replica(t, kept.open(t), "seed")
		for name, wrong := range map[string]string{"another": strings.ToUpper(key), "short": key[1:], "none": ""} {
			if _, err := tryReplica(t, kept.open(t), "seed", wrong, &logs{}); !errors.Is(err, store.ErrKey) {
				t.Errorf("%s: error = %v", name, err)
			}
		}
	})
}

// TestAltered: what was altered is refused, and not taken for a first start.
func TestAltered(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		if err := replica(t, kept.open(t), "seed").Renew(withDeadline(t), renewal("alice", 0, "new", nil)); err != nil {
			t.Fatal(err)
		}
		kept.alter(t)
		if _, err := tryReplica(t, kept.open(t), "seed", key, &logs{}); err == nil {
			t.Error("it started")
		}
	})
}

// TestBound: a record is good for its own name and generation alone, so that none can be put in the place of another.
func TestBound(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		records := &noting{Records: kept.open(t)}
		accounts := replica(t, records, "seed")
		for generation := range uint64(2) {
			if err := accounts.Renew(withDeadline(t), renewal("alice", generation, "new", nil)); err != nil {
				t.Fatal(err)
			}
		}
		older := records.saved[len(records.saved)-2] // of generation 1
		older.record.Generation = 3
		if err := records.Save(withDeadline(t), older.name, older.record); err != nil {
			t.Fatal(err)
		}
		if _, err := tryReplica(t, kept.open(t), "seed", key, &logs{}); err == nil {
			t.Error("a record passes for one of another generation")
		}
	})
}

// noting notes what is saved.
type noting struct {
	store.Records
	saved []struct {
		name   string
		record store.Record
	}
}

func (n *noting) Save(ctx context.Context, name string, record store.Record) error {
	n.saved = append(n.saved, struct {
		name   string
		record store.Record
	}{name, record})
	return n.Records.Save(ctx, name, record)
}

// TestNotNewer: who comes late overwrites nothing.
func TestNotNewer(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		records, ctx := kept.open(t), withDeadline(t)
		if err := records.Save(ctx, "a", store.Record{Generation: 10, Sealed: []byte("ten")}); err != nil {
			t.Fatal(err)
		}
		for _, generation := range []uint64{1, 9, 10} {
			if err := records.Save(ctx, "a", store.Record{Generation: generation, Sealed: []byte("late")}); !errors.Is(err, store.ErrNotNewer) {
				t.Errorf("generation %d: error = %v", generation, err)
			}
		}
		if got, err := records.Load(ctx, "a"); err != nil || got.Generation != 10 || string(got.Sealed) != "ten" {
			t.Errorf("record = %v, %v", got, err)
		}
	})
}

// TestLock: a lock is one process's, and another waits no longer than its caller.
func TestLock(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, kept place) {
		t.Helper()
		one, two, ctx := kept.open(t), kept.open(t), withDeadline(t)
		unlock, err := one.Lock(ctx, "a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := two.Lock(short, "a", time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		other, err := two.Lock(ctx, "b", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		other()
		unlock()
		again, err := two.Lock(ctx, "a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		unlock() // a second time: it is not its lock any more
		short, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := one.Lock(short, "a", time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("somebody else's lock was given back: %v", err)
		}
		again()
	})
}

// TestLease: a process that has ended keeps the others no longer than its lease.
func TestLease(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	records := openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Records()
	if _, err := records.Lock(withDeadline(t), "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	server.FastForward(time.Minute)
	unlock, err := records.Lock(withDeadline(t), "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestUnsaved: new secrets that cannot be saved hold, somebody is told, and they are saved when the process ends.
func TestUnsaved(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	open := func() store.Records {
		return openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Records()
	}
	logged := &logs{}
	accounts, err := tryReplica(t, open(), "seed", key, logged)
	if err != nil {
		t.Fatal(err)
	}
	failing := renewal("alice", 0, "new", nil)
	ask := failing.Ask
	failing.Ask = func(ctx context.Context) (map[string]secret.Value, error) {
		server.SetError("OOM command not allowed when used memory > 'maxmemory'")
		return ask(ctx)
	}
	if err := accounts.Renew(withDeadline(t), failing); err != nil {
		t.Fatal(err)
	}
	server.SetError("")
	checkToken(t, accounts, "new", 1)
	if text := logged.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "account=alice") || strings.Contains(text, `"new"`) {
		t.Errorf("logged %s", text)
	}
	checkToken(t, replica(t, open(), "seed"), "seed", 0)
	accounts.Close()
	checkToken(t, replica(t, open(), "seed"), "new", 1)
}

// TestAwayAtStart: without Redis the accounts' own secrets hold, and nothing is renewed that may have been used up; what others
// renewed is taken over once it is back.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	open := func() store.Records {
		return openRedis(t, store.RedisConfig{Addresses: []string{server.Addr()}}).Records()
	}
	if err := replica(t, open(), "seed").Renew(withDeadline(t), renewal("alice", 0, "new", nil)); err != nil {
		t.Fatal(err)
	}
	server.SetError("LOADING")
	logged := &logs{}
	accounts, err := tryReplica(t, open(), "seed", key, logged)
	if err != nil || !strings.Contains(logged.String(), "level=WARN") {
		t.Fatalf("error = %v, logged %s", err, logged)
	}
	checkToken(t, accounts, "seed", 0)
	var asked atomic.Int64
	if err := accounts.Renew(withDeadline(t), renewal("alice", 0, "newest", &asked)); !errors.Is(err, store.ErrAway) {
		t.Errorf("error = %v", err)
	}
	server.SetError("")
	eventually(t, func() bool { return accounts.Renew(withDeadline(t), renewal("alice", 0, "newest", &asked)) == nil })
	checkToken(t, accounts, "new", 1)
	if asked.Load() != 0 {
		t.Error("what was used up was used again")
	}
}

// TestLeaving: a caller that leaves does not take the renewal away.
func TestLeaving(t *testing.T) {
	t.Parallel()
	kept := inFile(t)
	accounts := replica(t, kept.open(t), "seed")
	began, goOn := make(chan struct{}), make(chan struct{})
	slow := renewal("alice", 0, "new", nil)
	ask := slow.Ask
	slow.Ask = func(ctx context.Context) (map[string]secret.Value, error) {
		close(began)
		<-goOn
		return ask(ctx)
	}
	leaving, leave := context.WithCancel(withDeadline(t))
	go func() { <-began; leave() }()
	if err := accounts.Renew(leaving, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	close(goOn)
	accounts.Close()
	checkToken(t, replica(t, kept.open(t), "seed"), "new", 1)
}

// TestNoRecords: a file that is something else is left alone.
func TestNoRecords(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{}", "accounts: {}", `{"records": 1}`} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := store.FileRecords(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tryReplica(t, records, "seed", key, &logs{}); err == nil {
			t.Errorf("%q: it started", content)
		}
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("%q was overwritten", content)
		}
	}
}

// FuzzFileRecords: whatever a file holds, reading it ends with a record or an error, and what cannot be read is not overwritten.
func FuzzFileRecords(f *testing.F) {
	f.Add([]byte(`{"records": {"a": {"generation": 1, "sealed": "AQ=="}}}`))
	f.Add([]byte(`{"records": {"a": null}}`))
	f.Add([]byte(`{"records": {"a": {"generation": -1}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := store.FileRecords(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := records.Load(t.Context(), "a"); err == nil {
			return
		}
		if err := records.Save(t.Context(), "a", store.Record{Generation: 1}); err == nil {
			t.Error("it was overwritten")
		}
		if got, _ := os.ReadFile(path); string(got) != string(content) {
			t.Errorf("it was changed to %q", got)
		}
	})
}
