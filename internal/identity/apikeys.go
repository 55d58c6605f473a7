package identity

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

const (
	// keyFresh is how long a key that was found is good without another look, and so how long one that was revoked lives on. An unknown
	// prefix is unknown for as long.
	keyFresh = 3 * time.Second
	// keyStale is how long a key that was found is good while it cannot be looked for.
	keyStale = 5 * time.Minute
	// maxKnownKeys bounds the keys in memory.
	maxKnownKeys = 100_000
	// Prefixes that are not known in memory are looked for at this rate, if they turn out to be of no key: whoever makes them up must
	// not flood what keeps the keys.
	unknownPerSecond, unknownBurst = 50, 250
)

// APIKeys is a Provider that knows keys of Sheaf's own.
type APIKeys struct {
	name, header string
	keys         store.Keys
	looking      singleflight.Group

	mu      sync.RWMutex
	known   map[string]*knownKey
	unknown map[string]time.Time // the prefixes of no key, and when that was found; misses bounds them
	misses  *bucket
	// forgotten counts the calls of Forget: what was looked for before one is not remembered after it.
	forgotten int
}

var _ Provider = (*APIKeys)(nil)

// knownKey is a key that was found. Nothing changes one.
type knownKey struct {
	*store.Key

	caller  *Caller
	foundAt time.Time
}

// NewAPIKeys is the provider of a name, whose keys a header carries.
func NewAPIKeys(name, header string, keys store.Keys) *APIKeys {
	return &APIKeys{
		name: name, header: http.CanonicalHeaderKey(header), keys: keys, known: map[string]*knownKey{}, unknown: map[string]time.Time{},
		misses: &bucket{perSecond: unknownPerSecond, most: unknownBurst},
	}
}

// Header is the one that carries a key.
func (a *APIKeys) Header() string { return a.header }

// Challenge implements Provider. No scheme is registered for keys in a header of their own; the name of one is any token.
func (a *APIKeys) Challenge() string { return fmt.Sprintf("ApiKey header=%q", a.header) }

// Store keeps the keys.
func (a *APIKeys) Store() store.Keys { return a.keys }

// Forget looks for a key anew when it is met next: whoever has changed it here does not wait until others see it.
func (a *APIKeys) Forget(prefix string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgotten++
	delete(a.known, prefix)
	delete(a.unknown, prefix)
	a.looking.Forget(prefix)
}

// errNoKey is told of a key that nobody has: whether its prefix is known is nobody's business.
var errNoKey = &Error{Reason: "the API key is not valid"}

// Identify implements Provider.
func (a *APIKeys) Identify(ctx context.Context, proof Proof) (*Caller, error) {
	values := proof.Header[a.header]
	switch {
	case len(values) == 0:
		return nil, ErrNone
	case len(values) > 1:
		return nil, &Error{Reason: "there is more than one API key"}
	}
	prefix, ok := PrefixOf(values[0])
	if !ok {
		return nil, &Error{Reason: errNoKey.Reason, Err: errors.New("it has not the form of a key")}
	}
	found, err := a.find(ctx, prefix)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, &Error{Reason: errNoKey.Reason, Err: fmt.Errorf("there is no key %s", prefix)}
	}
	return found.prove(values[0], time.Now())
}

// prove is the key's caller, if a text is the key, and the key is good.
func (k *knownKey) prove(text string, now time.Time) (*Caller, error) {
	hash := digestOf(text)
	switch {
	case subtle.ConstantTimeCompare(k.Hash, hash[:]) != 1:
		return nil, &Error{Reason: errNoKey.Reason, Err: fmt.Errorf("it is not the key %s", k.Prefix)}
	case !k.Revoked.IsZero():
		return nil, &Error{Reason: "the API key has been revoked", Err: fmt.Errorf("key %s", k.Prefix)}
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return nil, &Error{Reason: "the API key has expired", Err: fmt.Errorf("key %s", k.Prefix)}
	default:
		return k.caller, nil
	}
}

// find is the key of a prefix; nil if there is none. It is looked for if what is known is too old, once for all that wait for it.
func (a *APIKeys) find(ctx context.Context, prefix string) (*knownKey, error) {
	known, isUnknown, forgotten := a.recall(prefix)
	if isUnknown || known != nil && time.Since(known.foundAt) < keyFresh {
		return known, nil
	}
	found, err, _ := a.looking.Do(prefix, func() (any, error) {
		return a.look(context.WithoutCancel(ctx), prefix, known == nil, forgotten) // for others, too
	})
	if err == nil {
		return found.(*knownKey), nil
	}
	if known != nil && time.Since(known.foundAt) < keyStale {
		return known, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// recall is what is known in memory of a prefix, and how often something has been forgotten.
func (a *APIKeys) recall(prefix string) (known *knownKey, isUnknown bool, forgotten int) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	foundAt, missed := a.unknown[prefix]
	return a.known[prefix], missed && time.Since(foundAt) < keyFresh, a.forgotten
}

// errFlood says that too many prefixes are made up.
var errFlood = errors.New("too many unknown API keys at the moment")

// look looks for a key, and remembers what it finds, unless something has been forgotten meanwhile. What is new to memory has to be no
// flood.
func (a *APIKeys) look(ctx context.Context, prefix string, isNew bool, forgotten int) (*knownKey, error) {
	now := time.Now()
	if isNew && !a.misses.take(now) {
		return nil, errFlood
	}
	key, err := a.keys.Find(ctx, prefix)
	if isNew && (key != nil || err != nil) {
		a.misses.giveBack()
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	isOld := a.forgotten != forgotten
	if key == nil {
		delete(a.known, prefix)
		a.forgetUnknown(now)
		if !isOld {
			a.unknown[prefix] = now
		}
		return nil, nil
	}
	found := &knownKey{Key: key, caller: a.callerOf(key), foundAt: now}
	if isOld {
		return found, nil
	}
	if len(a.known) >= maxKnownKeys {
		clear(a.known) // nobody has so many; it costs a look for each
	}
	delete(a.unknown, prefix)
	a.known[prefix] = found
	return found, nil
}

// forgetUnknown forgets what counts no more, once it is as much as can count.
func (a *APIKeys) forgetUnknown(now time.Time) {
	const most = unknownBurst + unknownPerSecond*int(keyFresh/time.Second)
	if len(a.unknown) < most {
		return
	}
	for prefix, foundAt := range a.unknown {
		if now.Sub(foundAt) >= keyFresh {
			delete(a.unknown, prefix)
		}
	}
}

func (a *APIKeys) callerOf(key *store.Key) *Caller {
	var claims []byte
	if len(key.Claims) > 0 {
		claims, _ = json.Marshal(key.Claims) // texts have a JSON form
	}
	caller := New(a.name, key.ID, "", key.Scopes, claims)
	caller.Expires = key.Expires
	return caller
}
