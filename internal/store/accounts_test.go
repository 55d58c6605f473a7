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
