package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Renewal is how the secrets of an account are renewed.
type Renewal struct {
	// Account is the account's id, and Generation that of the secrets that have expired.
	Account    string
	Generation uint64
	// Ask gets new secrets from whoever gives them, within Limit.
	Ask   func(context.Context) (map[string]secret.Value, error)
	Limit time.Duration
}

// slack is how much longer than the request a renewal may take.
const slack = 10 * time.Second

var errClosed = errors.New("accounts are closed")

// Renew renews the secrets of an account, unless that has been done since they were of a generation, here or by another process
// that keeps them in the same place. Callers that ask at the same time share one request; if one of them leaves, it goes on.
func (a *Accounts) Renew(ctx context.Context, renewal Renewal) error {
	found := a.byID[renewal.Account]
	if found == nil || a.Generation(renewal.Account) != renewal.Generation {
		return nil
	}
	shared, done := context.WithoutCancel(ctx), make(chan error, 1)
	if !a.begin(func() {
		_, err, _ := found.group.Do("", func() (any, error) { return nil, a.renew(shared, renewal, found) })
		done <- err
	}) {
		return errClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin runs a renewal, which Close waits for; false if that has begun.
func (a *Accounts) begin(run func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing.Err() != nil {
		return false
	}
	a.running.Go(run)
	return true
}

func (a *Accounts) renew(ctx context.Context, renewal Renewal, found *account) error {
	if a.Generation(renewal.Account) != renewal.Generation {
		return nil
	}
	if a.keeper == nil {
		return a.ask(ctx, renewal, found)
	}
	unlock, err := a.lock(ctx, renewal, found)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := a.keeper.load(ctx, renewal.Account, found.seed)
	if err != nil {
		return err
	}
	if kept.generation > renewal.Generation {
		found.replace(kept)
		a.noteSaved(renewal.Account, kept.generation)
		return nil
	}
	if err := a.ask(ctx, renewal, found); err != nil {
		return err
	}
	a.save(ctx, renewal.Account, found)
	return nil
}

// lock waits until no other process renews the account. A process that ends meanwhile does not keep the others longer than its
// lease.
func (a *Accounts) lock(ctx context.Context, renewal Renewal, of *account) (unlock func(), err error) {
	lease := renewal.Limit + slack
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	return a.keeper.lock(ctx, renewal.Account, of.seed, lease)
}

// ask gets new secrets, which hold from then on.
func (a *Accounts) ask(ctx context.Context, renewal Renewal, of *account) error {
	ctx, cancel := context.WithTimeout(ctx, renewal.Limit)
	defer cancel()
	secrets, err := renewal.Ask(ctx)
	if err != nil {
		return fmt.Errorf("ask for new secrets: %w", err)
	}
	renewed := maps.Clone(of.current().secrets)
	maps.Copy(renewed, secrets)
	of.replace(kept{generation: renewal.Generation + 1, secrets: renewed})
	return nil
}

// current is what has been renewed, which is not to be changed.
func (r *renewals) current() kept {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return kept{generation: r.generation, secrets: r.renewed}
}

// replace makes newer secrets hold. Older ones are used up.
func (r *renewals) replace(by kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if by.generation > r.generation {
		r.renewed, r.generation = by.secrets, by.generation
	}
}
