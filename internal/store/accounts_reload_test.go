package store_test

import (
	"sync"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// following reads the accounts of a replica anew, as a reload does, and keeps what they renew in a place.
func following(t *testing.T, older *store.Accounts, records store.Records) *store.Accounts {
	t.Helper()
	newer := newAccounts(t, map[string]store.Account{
		"alice": {Secrets: seeds("token", "seed", "id", "client")},
		"bob":   {Secrets: seeds("token", "bob's")},
	})
	newer.Continue(older)
	if err := newer.Keep(withDeadline(t), store.KeepConfig{Records: records, Key: secret.NewValue(key), Logger: (&logs{}).logger()}); err != nil {
		t.Fatal(err)
	}
	return newer
}

func renewTo(t *testing.T, accounts *store.Accounts, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if err := accounts.Renew(withDeadline(t), renewal("alice", accounts.Generation("alice"), token, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestContinueAttributes: what was renewed goes on if only an attribute has changed: the account's own secret may be used up.
func TestContinueAttributes(t *testing.T) {
	t.Parallel()
	read := func(name string) *store.Accounts {
		return newAccounts(t, map[string]store.Account{"alice": {Attributes: map[string]string{"name": name}, Secrets: seeds("token", "seed")}})
	}
	older, newer := read("Alice"), read("Alice B.")
	renewTo(t, older, "renewed")
	if newer.Continue(older) {
		t.Error("another attribute is the same")
	}
	checkToken(t, newer, "renewed", 1)
	if name, _ := newer.Attribute("alice", "name"); name != "Alice B." {
		t.Errorf("name = %q", name)
	}
	renewTo(t, older, "again")
	checkToken(t, newer, "again", 2)
}

// TestMove: a reload that keeps renewed secrets elsewhere keeps there what was renewed before, at once.
func TestMove(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, to place) {
		t.Helper()
		older := replica(t, inFile(t).open(t), "seed")
		renewTo(t, older, "first", "second")
		following(t, older, to.open(t))
		checkToken(t, replica(t, to.open(t), "seed"), "second", 2)
	})
}

// TestMoveToOlder: a place that holds what was renewed earlier does not bring that back, since it is used up.
func TestMoveToOlder(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, to place) {
		t.Helper()
		renewTo(t, replica(t, to.open(t), "seed"), "first")
		older := replica(t, inFile(t).open(t), "seed")
		renewTo(t, older, "first", "second")
		newer := following(t, older, to.open(t))
		checkToken(t, older, "second", 2)
		checkToken(t, newer, "second", 2)
		checkToken(t, replica(t, to.open(t), "seed"), "second", 2)
	})
}

// TestMoveInFlight: what a call that began before the reload renews is kept in the new place, too, when the process ends.
func TestMoveInFlight(t *testing.T) {
	t.Parallel()
	older, to := replica(t, inFile(t).open(t), "seed"), inFile(t)
	newer := following(t, older, to.open(t))
	renewTo(t, older, "late")
	older.Close()
	newer.Close()
	checkToken(t, replica(t, to.open(t), "seed"), "late", 1)
}

// TestCloseWhileRenewing: calls that outlive a world may ask for renewals while it closes, and afterwards.
func TestCloseWhileRenewing(t *testing.T) {
	t.Parallel()
	older := replica(t, inFile(t).open(t), "seed")
	newer := following(t, older, inFile(t).open(t))
	var all sync.WaitGroup
	for range 8 {
		for _, accounts := range []*store.Accounts{older, newer} {
			all.Go(func() {
				_ = accounts.Renew(withDeadline(t), renewal("alice", accounts.Generation("alice"), "new", nil))
			})
		}
	}
	all.Go(older.Close)
	all.Wait()
	if err := older.Renew(withDeadline(t), renewal("alice", older.Generation("alice"), "never", nil)); err == nil {
		t.Error("closed accounts are renewed, which nobody would save")
	}
}
