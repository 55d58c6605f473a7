package store_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	accounts := store.NewAccounts(map[string]store.Account{
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
