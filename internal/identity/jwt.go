package identity

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// JWTConfig describes an issuer of signed tokens. Zero values mean the defaults that are named here.
type JWTConfig struct {
	// Name is the provider's, and Issuer what iss has to be, exactly.
	Name, Issuer string
	// Audiences are those of which aud has to hold one.
	Audiences []string
	// Algorithms are those that count. Default: RS256, PS256, ES256 and EdDSA.
	Algorithms []string
	// Types are what the header typ may be, if there is one. Default: at+jwt and JWT.
	Types []string
	// ClockSkew is how far clocks may be apart; negative for the default, 30s.
	ClockSkew time.Duration
	// ID is the claim that becomes Caller.ID. Default: sub.
	ID string
	// Scopes is the claim that becomes Caller.Scopes. Default: scope, or scp.
	Scopes string
	Keys   IssuerKeysConfig
}

// defaultSkew is how far clocks may be apart.
const defaultSkew = 30 * time.Second

func (c JWTConfig) withDefaults() JWTConfig {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	}
	if len(c.Types) == 0 {
		c.Types = []string{"at+jwt", "JWT"}
	}
	if c.ClockSkew < 0 {
		c.ClockSkew = defaultSkew
	}
	if c.ID == "" {
		c.ID = "sub"
	}
	return c
}

// JWT knows the signed tokens of an issuer. It is safe for concurrent use.
type JWT struct {
	config JWTConfig
	scopes []string
	keys   *issuerKeys
	tokens *lru.Cache[digest, verified]
}

// verified is the caller of a token that has been verified, and the key that signed it.
type verified struct {
	caller *Caller
	key    *key
}

const (
	// maxKeptTokens bounds what is kept of verified tokens, in bytes.
	maxKeptTokens = 64 << 20
	// keepToken is how long a token that has been verified is not looked at again.
	keepToken = 5 * time.Minute
)

// NewJWT begins to fetch the issuer's keys. The caller closes it.
func NewJWT(config JWTConfig) *JWT {
	config = config.withDefaults()
	logger := config.Keys.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	config.Keys.Logger = logger.With(slog.String("provider", config.Name))
	j := &JWT{config: config, scopes: []string{"scope", "scp"}, keys: newIssuerKeys(config.Issuer, config.Keys), tokens: lru.New[digest, verified](maxKeptTokens)}
	if config.Scopes != "" {
		j.scopes = []string{config.Scopes}
	}
	return j
}

// Close ends the fetching of keys, and waits for its end.
func (j *JWT) Close() { j.keys.close() }

// known is the caller of a token that was verified not long ago; nil for none.
func (j *JWT) known(digest digest, now time.Time) *Caller {
	found, ok := j.tokens.Get(digest, now)
	if !ok {
		return nil
	}
	if found.key.withdrawn.Load() {
		j.tokens.Delete(digest)
		return nil
	}
	return found.caller
}

// verify is the caller of a token of the issuer's.
func (j *JWT) verify(ctx context.Context, token *signedToken, digest digest) (*Caller, error) {
	if !slices.Contains(j.config.Algorithms, token.algorithm) {
		return nil, refuse("token is signed with an algorithm that is not allowed")
	}
	if token.typ != nil && !slices.ContainsFunc(j.config.Types, func(one string) bool { return sameType(*token.typ, one) }) {
		return nil, refuse("token is of another type")
	}
	caller, err := j.caller(token, time.Now()) // before its key is looked for: one that has expired may be of a key that is gone
	if err != nil {
		return nil, err
	}
	key, from, err := j.keyOf(ctx, token)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	until := earliest(token.ends.Add(j.config.ClockSkew), now.Add(keepToken), from.goodUntil)
	j.tokens.Put(digest, verified{caller, key}, sizeOf(caller), until)
	return caller, nil
}

// sizeOf is about what a caller takes in memory, in bytes, with the values that expressions make of its claims.
func sizeOf(caller *Caller) int { return 1<<10 + 4*len(caller.raw) }

func earliest(first time.Time, more ...time.Time) time.Time {
	return slices.MinFunc(append(more, first), time.Time.Compare)
}

// caller is whom the claims of a token describe, if its signature holds.
func (j *JWT) caller(token *signedToken, now time.Time) (*Caller, error) {
	if token.ends.IsZero() {
		return nil, refuse("claim exp is missing")
	}
	if err := token.check(now, j.config.ClockSkew); err != nil {
		return nil, err
	}
	if err := token.claims.checkAudience(j.config.Audiences); err != nil {
		return nil, err
	}
	if err := token.claims.checkUnbound(); err != nil {
		return nil, err
	}
	id, err := token.claims.id(j.config.ID)
	if err != nil {
		return nil, err
	}
	scopes, err := token.claims.scopes(j.scopes...)
	if err != nil {
		return nil, err
	}
	return newCaller(&Caller{Provider: j.config.Name, ID: id, Issuer: token.issuer, Scopes: scopes, Expires: token.ends}, token.payload), nil
}

const unknownKey = "token is signed with a key that is not known"

// keyOf is the key that has signed a token, and the key set that it is in. A key that is not known may be a new one: then the set is
// fetched, though not often.
func (j *JWT) keyOf(ctx context.Context, token *signedToken) (*key, *keySet, error) {
	for isNew := false; ; {
		set := j.keys.keySet()
		found, err := set.signerOf(token)
		if !errors.Is(err, errUnknownKey) {
			return found, set, err
		}
		if isNew {
			return nil, nil, refuse(unknownKey)
		}
		isNew, err = j.keys.await(ctx, token.kid, set)
		switch {
		case errors.Is(err, errTooSoon) && set != nil && token.isOlder(set.fetched, j.config.ClockSkew):
			return nil, nil, refuse(unknownKey) // the issuer had no such key when it issued the token
		case err != nil:
			return nil, nil, err
		}
	}
}
