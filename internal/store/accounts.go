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
	Secrets    map[string]*secret.Source
}

// Accounts are the accounts that calls can be made for, by their ids. They are safe for concurrent use.
type Accounts struct {
	mu   sync.RWMutex
	byID map[string]*account
}

type account struct {
	attributes []byte // a JSON object
	texts      map[string]string
	secrets    map[string]*secret.Source
	generation uint64
}

// NewAccounts keeps accounts by their ids.
func NewAccounts(byID map[string]Account) *Accounts {
	accounts := &Accounts{byID: map[string]*account{}}
	for id, from := range byID {
		kept := &account{texts: map[string]string{}, secrets: map[string]*secret.Source{}}
		maps.Copy(kept.texts, from.Attributes)
		maps.Copy(kept.secrets, from.Secrets)
		kept.attributes, _ = json.Marshal(kept.texts) // texts have a JSON form
		accounts.byID[id] = kept
	}
	return accounts
}

// Attributes are those of an account, as a JSON object that is not to be changed; false if there is no such account.
func (a *Accounts) Attributes(id string) ([]byte, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	found := a.byID[id]
	if found == nil {
		return nil, false
	}
	return found.attributes, true
}

// Attribute is one attribute of an account as a text.
func (a *Accounts) Attribute(id, name string) (string, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
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
	if a.byID[id] == nil {
		return secret.Value{}, 0, false
	}
	source, ok := a.byID[id].secrets[name]
	return source.Value(), a.byID[id].generation, ok
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

// Renew replaces secrets of an account, also those from files.
func (a *Accounts) Renew(id string, secrets map[string]secret.Value) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found := a.byID[id]; found != nil {
		for name, value := range secrets {
			found.secrets[name] = secret.Fixed(value)
		}
		found.generation++
	}
}
