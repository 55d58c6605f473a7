// Package store is for state that outlives a call: the accounts that calls are made for.
package store

import (
	"encoding/json"
	"maps"
	"sync"

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
	byID map[string]*account
}

type account struct {
	attributes []byte // a JSON object
	texts      map[string]string
	// read are the secrets as they were before any renewal.
	read map[string]secret.Value

	mu         sync.RWMutex
	secrets    map[string]secret.Value
	generation uint64
}

// NewAccounts keeps accounts by their ids.
func NewAccounts(byID map[string]Account) *Accounts {
	accounts := &Accounts{byID: map[string]*account{}}
	for id, from := range byID {
		kept := &account{texts: map[string]string{}, read: map[string]secret.Value{}, secrets: map[string]secret.Value{}}
		maps.Copy(kept.texts, from.Attributes)
		maps.Copy(kept.read, from.Secrets)
		maps.Copy(kept.secrets, from.Secrets)
		kept.attributes, _ = json.Marshal(kept.texts) // texts have a JSON form
		accounts.byID[id] = kept
	}
	return accounts
}

// Continue takes over from older accounts those that are still the same as they were read, with what has been renewed; both share
// them from then on. It is called before the accounts are used, and reports whether they are the same altogether.
func (a *Accounts) Continue(older *Accounts) bool {
	same := len(a.byID) == len(older.byID)
	for id, one := range a.byID {
		known := older.byID[id]
		if known == nil || !maps.Equal(known.texts, one.texts) || !maps.Equal(known.read, one.read) {
			same = false
			continue
		}
		a.byID[id] = known
	}
	return same
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
	value, ok = found.secrets[name]
	return value, found.generation, ok
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

// Renew replaces secrets of an account.
func (a *Accounts) Renew(id string, secrets map[string]secret.Value) {
	found := a.byID[id]
	if found == nil {
		return
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	maps.Copy(found.secrets, secrets)
	found.generation++
}
