// Package store is for state that outlives a call: the accounts that calls are made for.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// Accounts are the accounts that calls can be made for, by their ids. They are safe for concurrent use.
type Accounts struct {
	mu   sync.RWMutex
	byID map[string]*account
}

type account struct {
	attributes []byte // a JSON object
	texts      map[string]string
	secrets    map[string]secret.Value
	generation uint64
}

// fileAccount is an account as its file has it.
type fileAccount struct {
	Attributes map[string]any        `yaml:"attributes"`
	Secrets    map[string]fileSecret `yaml:"secrets"`
}

// fileSecret says where a secret is.
type fileSecret struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// ReadAccounts reads a file of accounts. The paths of secrets are relative to it; texts may hold ${env.NAME}.
func ReadAccounts(path string, lookupEnv func(string) (string, bool)) (*Accounts, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	var file map[string]fileAccount
	if err := yaml.Load(content, &file, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("read accounts: %s: %w", path, err)
	}
	accounts := &Accounts{byID: map[string]*account{}}
	for id, from := range file {
		read, err := readAccount(from, filepath.Dir(path), lookupEnv)
		if err != nil {
			return nil, fmt.Errorf("read accounts: %s: account %q: %w", path, id, err)
		}
		accounts.byID[id] = read
	}
	return accounts, nil
}

func readAccount(from fileAccount, directory string, lookupEnv func(string) (string, bool)) (*account, error) {
	read := &account{texts: map[string]string{}, secrets: map[string]secret.Value{}}
	for name, value := range from.Attributes {
		text, isText := value.(string)
		if !isText {
			text = fmt.Sprint(value)
		}
		filled, err := fillEnv(text, lookupEnv)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		read.texts[name] = filled
		if isText {
			from.Attributes[name] = filled
		}
	}
	var err error
	if read.attributes, err = json.Marshal(from.Attributes); err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	if from.Attributes == nil {
		read.attributes = []byte("{}")
	}
	for name, source := range from.Secrets {
		if read.secrets[name], err = readSecret(source, directory, lookupEnv); err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
	}
	return read, nil
}

func readSecret(source fileSecret, directory string, lookupEnv func(string) (string, bool)) (secret.Value, error) {
	switch {
	case source.Env != "":
		return secret.FromEnv(source.Env, lookupEnv)
	case filepath.IsAbs(source.File):
		return secret.FromFile(source.File)
	case source.File != "":
		return secret.FromFile(filepath.Join(directory, source.File))
	default:
		return secret.Value{}, errors.New("write {env: NAME} or {file: PATH}")
	}
}

// fillEnv replaces ${env.NAME}.
func fillEnv(text string, lookupEnv func(string) (string, bool)) (string, error) {
	const begin = "${env."
	var filled strings.Builder
	for {
		before, rest, found := strings.Cut(text, begin)
		filled.WriteString(before)
		if !found {
			return filled.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		value, set := lookupEnv(name)
		if !closed || !set {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		filled.WriteString(value)
		text = after
	}
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
	value, ok = a.byID[id].secrets[name]
	return value, a.byID[id].generation, ok
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

// Renew replaces secrets of an account.
func (a *Accounts) Renew(id string, secrets map[string]secret.Value) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found := a.byID[id]; found != nil {
		maps.Copy(found.secrets, secrets)
		found.generation++
	}
}
