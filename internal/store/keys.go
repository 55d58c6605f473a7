package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Keys keep the API keys of one identity provider, by their prefixes, where other processes find them, too. They must be safe for
// concurrent use. What they return must not be changed.
type Keys interface {
	// Find is the key of a prefix; nil if there is none.
	Find(ctx context.Context, prefix string) (*Key, error)
	// Add keeps a new key. The error is ErrPrefixTaken if there is one with its prefix.
	Add(ctx context.Context, key *Key) error
	// List are all keys, in no order.
	List(ctx context.Context) ([]*Key, error)
	// Revoke ends a key, and returns it; one that has ended before stays as it is. It is nil if there is none.
	Revoke(ctx context.Context, prefix string, now time.Time) (*Key, error)
}

// Key is what is kept of an API key. The key itself is not.
type Key struct {
	// Prefix is the part of the key that is no secret, and that it is found by.
	Prefix string `json:"prefix"`
	// Hash is SHA-256 of the whole key. A slow hash is for what people think of: these keys hold 130 random bits, which nobody can
	// try out, and a hash that is computed for every call has to be fast.
	Hash []byte `json:"hash"`
	// ID is the caller's.
	ID     string            `json:"id"`
	Scopes []string          `json:"scopes,omitempty"`
	Claims map[string]string `json:"claims,omitempty"`
	// Created is when it was made; Expires and Revoked are zero for never.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// ErrPrefixTaken says that there is a key with the same prefix.
var ErrPrefixTaken = errors.New("there is a key with this prefix")

// decodeKey reads a key as it is kept, in JSON.
func decodeKey(text []byte) (*Key, error) {
	key := &Key{}
	if err := json.Unmarshal(text, key); err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return key, key.check()
}

// check refuses a key that would let in whoever it was not made for.
func (k *Key) check() error {
	const hashSize = 32
	switch {
	case k == nil || k.Prefix == "" || k.ID == "":
		return errors.New("read key: it has no prefix, or no id")
	case len(k.Hash) != hashSize:
		return fmt.Errorf("read key %s: its hash is no SHA-256", k.Prefix)
	default:
		return nil
	}
}

// revokedAt is the key as it is once it has been revoked.
func (k *Key) revokedAt(now time.Time) *Key {
	ended := *k
	ended.Revoked = now
	return &ended
}
