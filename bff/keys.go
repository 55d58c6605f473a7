package bff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// APIKey is what is known of a key of a project. The key itself is not.
type APIKey struct {
	// Provider is the name of the identity provider, Prefix that of the key.
	Provider, Prefix string
	// Caller is what callers with the key are.
	Caller KeyCaller
	// Created is when it was made; Expires and Revoked are zero for never.
	Created, Expires, Revoked time.Time
}

// KeyCaller is what callers with a key are.
type KeyCaller struct {
	ID     string
	Scopes []string
	Claims map[string]string
}

// Keys are the API keys of one identity provider of a project. It is safe for concurrent use.
type Keys struct {
	provider string
	store    store.Keys
	changed  func(prefix string) // told of a key that has been revoked
	close    func()
}

var (
	// ErrInvalidKey says that no key can be made like that.
	ErrInvalidKey = errors.New("invalid key")
	// ErrUnknownKey says that there is no such key, or no such provider.
	ErrUnknownKey = errors.New("unknown")
)

// OpenKeys opens the keys of an identity provider of the project in a directory, without serving it: only what keeps them is used. The
// provider's name may be empty if there is one alone. The caller closes them.
func OpenKeys(dir, provider string, options ...Option) (*Keys, error) {
	settings := newSettings(options)
	compiled, err := settings.compile(dir, true)
	if err != nil {
		return nil, err
	}
	w := &world{server: &Server{dir: dir, settings: settings}, plan: compiled}
	chosen, err := chooseKeyProvider(w.identityProviders(), provider)
	if err != nil {
		return nil, err
	}
	if err := w.checkFilled(chosen.APIKeys); err != nil {
		return nil, err
	}
	keys := &Keys{provider: chosen.Name, changed: func(string) {}, close: func() {}}
	if chosen.APIKeys.File == "" {
		if err := w.openRedis(nil); err != nil {
			return nil, err
		}
		keys.close = w.redis.release
	}
	if keys.store, err = w.keyStore(chosen); err != nil {
		keys.close()
		return nil, err
	}
	return keys, nil
}

// checkFilled refuses to look for keys where a variable that is not set says that they are.
func (w *world) checkFilled(keys *plan.APIKeys) error {
	texts := []string{keys.File}
	if keys.File == "" {
		texts = slices.Concat(w.plan.Redis.Addresses, []string{w.plan.Redis.Username, w.plan.Redis.Master, w.plan.Redis.Prefix})
	}
	for _, text := range texts {
		if strings.Contains(text, "${env.") {
			return fmt.Errorf("open keys: %s is not set", text)
		}
	}
	return nil
}

// chooseKeyProvider is the provider of a name, or the one that there is.
func chooseKeyProvider(providers []*plan.IdentityProvider, name string) (*plan.IdentityProvider, error) {
	var names []string
	var found *plan.IdentityProvider
	for _, provider := range providers {
		if provider.APIKeys == nil {
			continue
		}
		names = append(names, provider.Name)
		if provider.Name == name || name == "" {
			found = provider
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%w provider: the policy has none with api_key; write policy: {identity: {partners: {api_key: {file: state/keys.json}}}} in sheaf.yaml", ErrUnknownKey)
	case name == "" && len(names) > 1:
		return nil, fmt.Errorf("%w provider: name one of %s", ErrUnknownKey, strings.Join(names, ", "))
	case found == nil:
		return nil, fmt.Errorf("%w provider %q; %s", ErrUnknownKey, name, diag.DidYouMean("providers", name, names))
	default:
		return found, nil
	}
}

// Close gives back what opening took.
func (k *Keys) Close() { k.close() }

// Create makes a key for a caller, until it expires; zero is never. The key is returned as text, once: nothing keeps it.
func (k *Keys) Create(ctx context.Context, caller KeyCaller, expires time.Time) (key *APIKey, text string, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	if err := caller.check(); err != nil {
		return nil, "", err
	}
	if !expires.IsZero() && !expires.After(now) {
		return nil, "", fmt.Errorf("%w: it would have expired already", ErrInvalidKey)
	}
	made, value, err := identity.IssueKey(ctx, k.store, store.Key{
		ID: caller.ID, Scopes: caller.Scopes, Claims: caller.Claims, Created: now, Expires: expires.UTC().Truncate(time.Second),
	})
	if err != nil {
		return nil, "", err
	}
	return k.told(made), value.Reveal(), nil
}

// List are all keys, the oldest first.
func (k *Keys) List(ctx context.Context) ([]*APIKey, error) {
	kept, err := k.store.List(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]*APIKey, len(kept))
	for i, key := range kept {
		keys[i] = k.told(key)
	}
	return keys, nil
}

// Revoke ends the key of a prefix, or of a whole key. One that has ended before stays as it is.
func (k *Keys) Revoke(ctx context.Context, key string) (*APIKey, error) {
	prefix := key
	if whole, ok := identity.PrefixOf(key); ok {
		prefix = whole
	}
	if !identity.IsPrefix(prefix) {
		return nil, fmt.Errorf("%w key: write its prefix, as sheaf keys list shows it", ErrUnknownKey)
	}
	revoked, err := k.store.Revoke(ctx, prefix, time.Now().UTC().Truncate(time.Second))
	k.changed(prefix) // also where it is not known whether it has been
	if err != nil {
		return nil, err
	}
	if revoked == nil {
		return nil, fmt.Errorf("%w key %s of %s", ErrUnknownKey, prefix, k.provider)
	}
	return k.told(revoked), nil
}

func (k *Keys) told(key *store.Key) *APIKey {
	return &APIKey{
		Provider: k.provider, Prefix: key.Prefix, Caller: KeyCaller{ID: key.ID, Scopes: key.Scopes, Claims: key.Claims},
		Created: key.Created, Expires: key.Expires, Revoked: key.Revoked,
	}
}

// check refuses what logs, expressions and headers could not show as it is.
func (c *KeyCaller) check() error {
	const maxNames, maxText = 64, 256
	if len(c.Scopes) > maxNames || len(c.Claims) > maxNames {
		return fmt.Errorf("%w: it has more than %d scopes or claims", ErrInvalidKey, maxNames)
	}
	if !isPlain(c.ID) || c.ID == "" || len(c.ID) > maxText {
		return fmt.Errorf("%w: the id of its caller has to have 1 to %d printable characters", ErrInvalidKey, maxText)
	}
	for _, scope := range c.Scopes {
		if scope == "" || strings.Contains(scope, " ") || !isPlain(scope) || len(scope) > maxText {
			return fmt.Errorf("%w: scope %q has to be a word of printable characters", ErrInvalidKey, scope)
		}
	}
	for name, value := range c.Claims {
		if name == "" || !isPlain(name) || !isPlain(value) || len(name)+len(value) > maxText {
			return fmt.Errorf("%w: claim %q has to have a name and at most %d printable characters", ErrInvalidKey, name, maxText)
		}
	}
	return nil
}

func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
