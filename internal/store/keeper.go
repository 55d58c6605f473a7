package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// keeper keeps renewed secrets, sealed.
type keeper struct {
	records Records
	sealer  *sealer
	logger  *slog.Logger
}

// kept is what is known of an account's renewals; the zero kept means that there was none.
type kept struct {
	generation uint64
	secrets    map[string]secret.Value
}

// KeepConfig says where renewed secrets are kept.
type KeepConfig struct {
	Records Records
	// Key is what they are sealed with, at least 32 characters.
	Key    secret.Value
	Logger *slog.Logger
}

// Keep keeps what has been renewed, and what is from now on, where other processes find it, and takes over what is newer there. It
// is called before the accounts are used. The error is ErrKey if the key is not the one that was used before. If Redis is away, that is no error:
// the accounts' own secrets hold, and renewals fail until it is back.
func (a *Accounts) Keep(ctx context.Context, config KeepConfig) error {
	sealer, err := newSealer(config.Key)
	if err != nil {
		return err
	}
	a.keeper = &keeper{records: config.Records, sealer: sealer, logger: config.Logger}
	err = a.restore(ctx)
	if errors.Is(err, ErrAway) {
		config.Logger.Warn("renewed secrets of accounts cannot be read; those of the file of accounts hold, and renewals fail until that is over",
			slog.Any("error", err))
		return nil
	}
	return err
}

func (a *Accounts) restore(ctx context.Context) error {
	if err := a.keeper.checkKey(ctx); err != nil {
		return err
	}
	for id, account := range a.byID {
		found, err := a.keeper.load(ctx, id, account.seed)
		if err != nil {
			return err
		}
		account.replace(found)
		a.noteSaved(id, found.generation)
	}
	a.saveRest() // what was renewed while it was kept elsewhere
	return nil
}

// checkKey compares the key with the one that was used before: there is a record for that. Without it, a wrong key would look
// as if nothing had been renewed, and what is used up would be used again.
func (k *keeper) checkKey(ctx context.Context) error {
	const name, generation = "key", 1
	record, err := k.records.Load(ctx, name)
	if err != nil {
		return err
	}
	if record.Generation == 0 {
		err = k.records.Save(ctx, name, Record{Generation: generation, Sealed: k.sealer.seal(nil, name, generation)})
		if !errors.Is(err, ErrNotNewer) {
			return err
		}
		if record, err = k.records.Load(ctx, name); err != nil {
			return err
		}
	}
	if _, err := k.sealer.open(name, record); err != nil {
		return fmt.Errorf("%w: it is not the one that the renewed secrets are sealed with", ErrKey)
	}
	return nil
}

// load is what is kept of an account.
func (k *keeper) load(ctx context.Context, id string, seed map[string]secret.Value) (kept, error) {
	name := k.sealer.name(id, seed)
	record, err := k.records.Load(ctx, name)
	if err != nil || record.Generation == 0 {
		return kept{}, err
	}
	plain, err := k.sealer.open(name, record)
	if err != nil {
		return kept{}, fmt.Errorf("open renewed secrets of account %q: %w", id, err)
	}
	var texts map[string]string
	if err := json.Unmarshal(plain, &texts); err != nil {
		return kept{}, fmt.Errorf("open renewed secrets of account %q: %w", id, err)
	}
	found := kept{generation: record.Generation, secrets: map[string]secret.Value{}}
	for name, text := range texts {
		found.secrets[name] = secret.NewValue(text)
	}
	return found, nil
}

func (k *keeper) save(ctx context.Context, id string, seed map[string]secret.Value, renewed kept) error {
	texts := map[string]string{}
	for name, value := range renewed.secrets {
		texts[name] = value.Reveal()
	}
	plain, err := json.Marshal(texts)
	if err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	name := k.sealer.name(id, seed)
	return k.records.Save(ctx, name, Record{Generation: renewed.generation, Sealed: k.sealer.seal(plain, name, renewed.generation)})
}

// lock waits until no other process renews an account. The key is compared once more: Redis may have been away at the start.
func (k *keeper) lock(ctx context.Context, id string, seed map[string]secret.Value, lease time.Duration) (func(), error) {
	if err := k.checkKey(ctx); err != nil {
		return nil, err
	}
	unlock, err := k.records.Lock(ctx, k.sealer.name(id, seed), lease)
	if err != nil {
		return nil, fmt.Errorf("wait for other renewals of account %q: %w", id, err)
	}
	return unlock, nil
}

// save saves what was renewed. If that fails it holds in this process all the same: whoever gave it may not give it again.
func (a *Accounts) save(ctx context.Context, id string, of *account) {
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	renewed := of.current()
	err := a.keeper.save(ctx, id, of.seed, renewed)
	if err == nil || errors.Is(err, ErrNotNewer) { // another process has renewed it since
		a.noteSaved(id, renewed.generation)
	}
	if err == nil {
		return
	}
	a.keeper.logger.Error("renewed secrets of an account could not be saved; they hold in this process, which tries once more when it closes. "+
		"If that fails too, put new secrets into the file of accounts", slog.String("account", id), slog.Any("error", err))
}

// noteSaved notes the generation that the keeper has of an account.
func (a *Accounts) noteSaved(id string, generation uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.saved[id] = max(a.saved[id], generation)
}

func (a *Accounts) savedOf(id string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saved[id]
}

// saveRest saves what the keeper lacks.
func (a *Accounts) saveRest() {
	if a.keeper == nil {
		return
	}
	for id, account := range a.byID {
		if account.current().generation > a.savedOf(id) {
			a.save(context.Background(), id, account)
		}
	}
}
