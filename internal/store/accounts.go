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
	Secrets    map[string]secret.Value
}

// Accounts are the accounts that calls can be made for, by their ids. They are safe for concurrent use.
type Accounts struct {
	mu   sync.RWMutex
	byID map[string]*account

	renewals singleflight.Group
	// running are those under way. closing ends what they wait for, by stop.
	running sync.WaitGroup
	closing context.Context
	stop    context.CancelFunc
	// keeper keeps what was renewed; nil for this process alone.
	keeper *keeper
}

type account struct {
	attributes []byte // a JSON object
	texts      map[string]string
	// seed are the secrets of the file of accounts, renewed those that hold in their place.
	seed, renewed map[string]secret.Value
	generation    uint64
	// unsaved is set if the keeper lacks what was renewed.
	unsaved bool
}

// NewAccounts keeps accounts by their ids. The caller closes them.
func NewAccounts(byID map[string]Account) *Accounts {
	accounts := &Accounts{byID: map[string]*account{}}
	accounts.closing, accounts.stop = context.WithCancel(context.Background())
	for id, from := range byID {
		added := &account{texts: map[string]string{}, seed: map[string]secret.Value{}, renewed: map[string]secret.Value{}}
		maps.Copy(added.texts, from.Attributes)
		maps.Copy(added.seed, from.Secrets)
		added.attributes, _ = json.Marshal(added.texts) // texts have a JSON form
		accounts.byID[id] = added
	}
	return accounts
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
	if a.byID[id] == nil {
		return "", false
	}
	text, ok := a.byID[id].texts[name]
	return text, ok
}

// Secret is one secret of an account, and how often the account's secrets have been renewed.
func (a *Accounts) Secret(id, name string) (value secret.Value, generation uint64, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found := a.byID[id]
	if found == nil {
		return secret.Value{}, 0, false
	}
	if value, ok = found.renewed[name]; !ok {
		value, ok = found.seed[name]
	}
	return value, found.generation, ok
}

// Generation is how often the account's secrets have been renewed.
func (a *Accounts) Generation(id string) uint64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.byID[id] == nil {
		return 0
	}
	return a.byID[id].generation
}

// Close waits for renewals under way, and saves what could not be saved before.
func (a *Accounts) Close() {
	a.stop()
	a.running.Wait()
	a.saveRest()
}
