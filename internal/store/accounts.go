// Package store is for state that outlives a call: the accounts that calls are made for, and what caches keep, in this process
// or in Redis.
package store

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Account is one that calls can be made for.
type Account struct {
	// Attributes are for expressions and addresses, Secrets for credentials alone.
	Attributes map[string]string
	Secrets    map[string]*secret.Source
}

// Accounts are the accounts that calls can be made for, by their ids. They are safe for concurrent use.
type Accounts struct {
	byID map[string]*account

	// running are the renewals under way. closing ends what they wait for, by stop.
	running sync.WaitGroup
	closing context.Context
	stop    context.CancelFunc
	// keeper keeps what was renewed; nil for this process alone.
	keeper *keeper

	mu sync.Mutex
	// saved are the generations that the keeper has, by the ids.
	saved map[string]uint64
}

type account struct {
	attributes []byte // a JSON object
	texts      map[string]string
	// sources give the secrets of the file of accounts as they are now.
	sources map[string]*secret.Source
	*renewals
}

// renewals are what was renewed of an account. Accounts that follow each other share them.
type renewals struct {
	// seed are the secrets of the file of accounts as they were at first.
	seed  map[string]secret.Value
	group singleflight.Group

	mu sync.RWMutex
	// renewed are the secrets that hold in the place of those of the file.
	renewed    map[string]secret.Value
	generation uint64
}

// NewAccounts keeps accounts by their ids. The caller closes them.
func NewAccounts(byID map[string]Account) *Accounts {
	accounts := &Accounts{byID: map[string]*account{}, saved: map[string]uint64{}}
	accounts.closing, accounts.stop = context.WithCancel(context.Background())
	for id, from := range byID {
		accounts.byID[id] = newAccount(from)
	}
	return accounts
}

func newAccount(from Account) *account {
	made := &account{
		texts: maps.Clone(from.Attributes), sources: maps.Clone(from.Secrets),
		renewals: &renewals{seed: map[string]secret.Value{}, renewed: map[string]secret.Value{}},
	}
	if made.texts == nil {
		made.texts = map[string]string{}
	}
	made.attributes, _ = json.Marshal(made.texts) // texts have a JSON form
	for name, source := range from.Secrets {
		made.seed[name] = source.Value()
	}
	return made
}

// Attributes are those of an account, as a JSON object that is not to be changed; false if there is no such account.
func (a *Accounts) Attributes(id string) ([]byte, bool) {
	found := a.byID[id]
	if found == nil {
		return nil, false
	}
	return found.attributes, true
}

// Attribute is one attribute of an account as a text.
func (a *Accounts) Attribute(id, name string) (string, bool) {
	found := a.byID[id]
	if found == nil {
		return "", false
	}
	text, ok := found.texts[name]
	return text, ok
}

// Secret is one secret of an account, and how often the account's secrets have been renewed.
func (a *Accounts) Secret(id, name string) (value secret.Value, generation uint64, ok bool) {
	found := a.byID[id]
	if found == nil {
		return secret.Value{}, 0, false
	}
	found.mu.RLock()
	defer found.mu.RUnlock()
	if value, ok = found.renewed[name]; ok {
		return value, found.generation, true
	}
	source, ok := found.sources[name]
	return source.Value(), found.generation, ok
}

// Generation is how often the account's secrets have been renewed.
func (a *Accounts) Generation(id string) uint64 {
	found := a.byID[id]
	if found == nil {
		return 0
	}
	found.mu.RLock()
	defer found.mu.RUnlock()
	return found.generation
}

// Close waits for renewals under way, and saves what could not be saved before. Nothing is renewed from then on.
func (a *Accounts) Close() {
	a.mu.Lock()
	a.stop()
	a.mu.Unlock()
	a.running.Wait()
	a.saveRest()
}

// Continue takes over from older accounts what has been renewed of those whose secrets are still as they were read; both share it
// from then on. It is called before the accounts are used, and reports whether they are the same altogether.
func (a *Accounts) Continue(older *Accounts) bool {
	same := len(a.byID) == len(older.byID)
	for id, one := range a.byID {
		known := older.byID[id]
		if known == nil || !maps.EqualFunc(known.seed, one.seed, secret.Value.Equal) {
			same = false
			continue
		}
		one.renewals = known.renewals
		same = same && maps.Equal(known.texts, one.texts)
	}
	return same
}
