package identity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// late keys are found at once, and told a second later.
type late struct{ store.Keys }

func (l late) Find(ctx context.Context, prefix string) (*store.Key, error) {
	found, err := l.Keys.Find(ctx, prefix)
	time.Sleep(time.Second)
	return found, err
}

// TestForget: a key that is revoked and forgotten ends, also if it was being looked for at that moment.
func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := newCounted(t)
		prefix, text := issue(t, keys, store.Key{ID: "a"})
		provider := identity.NewAPIKeys("partners", "X-Api-Key", late{keys})
		looked := make(chan error, 1)
		go func() {
			_, err := provider.Identify(t.Context(), withKey(text))
			looked <- err
		}()
		synctest.Wait()
		if _, err := keys.Revoke(t.Context(), prefix, time.Now()); err != nil {
			t.Fatal(err)
		}
		provider.Forget(prefix)
		if _, err := provider.Identify(t.Context(), withKey(text)); err == nil || reasonOf(t, err) != "the API key has been revoked" {
			t.Errorf("at once: %v", err)
		}
		if err := <-looked; err != nil {
			t.Errorf("before: %v", err)
		}
		if _, err := provider.Identify(t.Context(), withKey(text)); err == nil {
			t.Error("what was looked for before is remembered after it")
		}
	})
}
