//go:build slow

package slowtest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// TestKeysInRedis: keys in a real Redis are made, found, revoked and listed; while it is away, what is known goes on.
func TestKeysInRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	redis, err := store.OpenRedis(store.RedisConfig{Addresses: []string{server.address}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	keys := redis.Keys("partners")
	var texts []string
	for _, id := range []string{"a", "b", "c"} {
		made, text, err := identity.IssueKey(ctx, keys, store.Key{ID: id, Created: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if id == "b" {
			for range 2 {
				if key, err := keys.Revoke(ctx, made.Prefix, time.Now()); err != nil || key.Revoked.IsZero() {
					t.Errorf("revoked = %+v, %v", key, err)
				}
			}
		}
		texts = append(texts, text.Reveal())
	}
	if all, err := keys.List(ctx); err != nil || len(all) != 3 || all[0].ID != "a" || all[1].Revoked.IsZero() {
		t.Errorf("keys = %+v, %v", all, err)
	}
	provider := identity.NewAPIKeys("partners", "X-Api-Key", keys)
	identify := func(text string) error {
		_, err := provider.Identify(ctx, identity.Proof{Header: http.Header{"X-Api-Key": {text}}})
		return err
	}
	wrong := &identity.Error{}
	if good, revoked := identify(texts[0]), identify(texts[1]); good != nil || !errors.As(revoked, &wrong) {
		t.Errorf("%v, %v", good, revoked)
	}
	server.kill(t)
	if known, unknown := identify(texts[0]), identify(texts[2]); known != nil || !errors.Is(unknown, identity.ErrUnavailable) {
		t.Errorf("while it is away: %v, %v", known, unknown)
	}
	server.start(t)
}
