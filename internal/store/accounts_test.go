package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

func newAccounts(t *testing.T, byID map[string]store.Account) *store.Accounts {
	t.Helper()
	accounts := store.NewAccounts(byID)
	t.Cleanup(accounts.Close)
	return accounts
}

// renewal gives an account this token, and counts how often it is asked for.
func renewal(id string, generation uint64, token string, asked *atomic.Int64) store.Renewal {
	return store.Renewal{
		Account: id, Generation: generation, Limit: time.Minute,
		Ask: func(context.Context) (map[string]secret.Value, error) {
			if asked != nil {
				asked.Add(1)
			}
			return map[string]secret.Value{"token": secret.NewValue(token)}, nil
		},
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	accounts := newAccounts(t, map[string]store.Account{
		"alice": {Attributes: map[string]string{"id": "17"}, Secrets: map[string]*secret.Source{"token": secret.Fixed(secret.NewValue("old")), "refresh": secret.Fixed(secret.NewValue("r"))}},
		"bob":   {},
	})
	if attributes, ok := accounts.Attributes("alice"); !ok || string(attributes) != `{"id":"17"}` {
		t.Errorf("attributes = %s, %v", attributes, ok)
	}
	if attributes, ok := accounts.Attributes("bob"); !ok || string(attributes) != `{}` {
		t.Errorf("attributes of an account without any = %s, %v", attributes, ok)
	}
	if _, ok := accounts.Attributes("eve"); ok {
		t.Error("an account that nobody knows has attributes")
	}
	if id, ok := accounts.Attribute("alice", "id"); !ok || id != "17" {
		t.Errorf("attribute = %q, %v", id, ok)
	}
	for _, id := range []string{"alice", "eve"} {
		if err := accounts.Renew(t.Context(), renewal(id, 0, "new", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if token, generation, ok := accounts.Secret("alice", "token"); !ok || generation != 1 || token.Reveal() != "new" {
		t.Errorf("renewed token has generation %d, %v", generation, ok)
	}
	if refresh, _, ok := accounts.Secret("alice", "refresh"); !ok || refresh.Reveal() != "r" {
		t.Error("a secret that was not renewed is gone")
	}
	if _, _, ok := accounts.Secret("eve", "token"); ok || accounts.Generation("eve") != 0 || accounts.Generation("alice") != 1 {
		t.Error("an account came into being by its renewal")
	}
}

// TestContinue: an account that is still the same keeps what was renewed; one that has changed begins anew.
func TestContinue(t *testing.T) {
	t.Parallel()
	read := func(token string, more ...string) *store.Accounts {
		accounts := map[string]store.Account{
			"alice": {Secrets: seeds("token", "alice's")},
			"bob":   {Secrets: seeds("token", token)},
		}
		for _, id := range more {
			accounts[id] = store.Account{}
		}
		return newAccounts(t, accounts)
	}
	renew := func(accounts *store.Accounts, id, token string) {
		if err := accounts.Renew(withDeadline(t), renewal(id, accounts.Generation(id), token, nil)); err != nil {
			t.Fatal(err)
		}
	}
	older := read("bob's")
	for _, id := range []string{"alice", "bob"} {
		renew(older, id, "renewed")
	}
	if !read("bob's").Continue(older) {
		t.Error("the same accounts are not the same")
	}
	if read("bob's", "carol").Continue(older) {
		t.Error("one account more is the same")
	}
	newer := read("bob's new")
	if newer.Continue(older) {
		t.Error("another secret is the same")
	}
	for id, want := range map[string]string{"alice": "renewed", "bob": "bob's new"} {
		if token, _, _ := newer.Secret(id, "token"); token.Reveal() != want {
			t.Errorf("%s has the token %q, want %q", id, token.Reveal(), want)
		}
	}
	renew(newer, "alice", "again")
	if token, _, _ := older.Secret("alice", "token"); token.Reveal() != "again" {
		t.Error("what is renewed later is not shared")
	}
}
