package store_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	accounts := store.NewAccounts(map[string]store.Account{
		"alice": {Attributes: map[string]string{"id": "17"}, Secrets: map[string]secret.Value{"token": secret.NewValue("old"), "refresh": secret.NewValue("r")}},
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
	accounts.Renew("alice", map[string]secret.Value{"token": secret.NewValue("new")})
	accounts.Renew("eve", map[string]secret.Value{"token": secret.NewValue("new")})
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
			"alice": {Secrets: map[string]secret.Value{"token": secret.NewValue("alice's")}},
			"bob":   {Secrets: map[string]secret.Value{"token": secret.NewValue(token)}},
		}
		for _, id := range more {
			accounts[id] = store.Account{}
		}
		return store.NewAccounts(accounts)
	}
	older := read("bob's")
	for _, id := range []string{"alice", "bob"} {
		older.Renew(id, map[string]secret.Value{"token": secret.NewValue("renewed")})
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
	newer.Renew("alice", map[string]secret.Value{"token": secret.NewValue("again")})
	if token, _, _ := older.Secret("alice", "token"); token.Reveal() != "again" {
		t.Error("what is renewed later is not shared")
	}
}
