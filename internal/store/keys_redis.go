package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisKeys keep all keys of a provider in one hash, by their prefixes.
type redisKeys struct {
	*Redis

	hash    string
	replace *redis.Script
}

// Keys keeps the keys of an identity provider in Redis, without an end. The errors are ErrAway, or as Keys has them.
func (r *Redis) Keys(provider string) Keys {
	return &redisKeys{
		Redis: r, hash: r.prefix + "apikeys:" + provider,
		replace: redis.NewScript(`
			if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
			redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
			return 1`),
	}
}

// Find implements Keys.
func (r *redisKeys) Find(ctx context.Context, prefix string) (*Key, error) {
	text, err := r.get(ctx, prefix)
	if text == nil || err != nil {
		return nil, err
	}
	return decodeKey(text)
}

func (r *redisKeys) get(ctx context.Context, prefix string) ([]byte, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	text, err := r.client.HGet(ctx, r.hash, prefix).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return text, away("find key", err)
}

// Add implements Keys.
func (r *redisKeys) Add(ctx context.Context, key *Key) error {
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	added, err := r.client.HSetNX(ctx, r.hash, key.Prefix, text).Result()
	if err == nil && !added {
		return ErrPrefixTaken
	}
	return away("add key", err)
}

// List implements Keys. A key that is added or revoked meanwhile may be as it was before.
func (r *redisKeys) List(ctx context.Context) ([]*Key, error) {
	keys := map[string]*Key{}
	for cursor := uint64(0); ; {
		page, next, err := r.page(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(page); i += 2 { // names and values in turn
			key, err := decodeKey([]byte(page[i]))
			if err != nil {
				return nil, err
			}
			keys[key.Prefix] = key
		}
		if cursor = next; cursor == 0 {
			return sortedKeys(keys), nil
		}
	}
}

func (r *redisKeys) page(ctx context.Context, cursor uint64) (page []string, next uint64, err error) {
	const about = 500
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	page, next, err = r.client.HScan(ctx, r.hash, cursor, "", about).Result()
	return page, next, away("list keys", err)
}

// Revoke implements Keys.
func (r *redisKeys) Revoke(ctx context.Context, prefix string, now time.Time) (*Key, error) {
	for {
		before, err := r.get(ctx, prefix)
		if before == nil || err != nil {
			return nil, err
		}
		key, err := decodeKey(before)
		if err != nil || !key.Revoked.IsZero() {
			return key, err
		}
		key = key.revokedAt(now)
		if replaced, err := r.swap(ctx, before, key); replaced || err != nil {
			return key, err
		}
	}
}

// swap replaces a key, unless somebody else has done so since it was read.
func (r *redisKeys) swap(ctx context.Context, before []byte, key *Key) (bool, error) {
	text, err := json.Marshal(key)
	if err != nil {
		return false, fmt.Errorf("write key: %w", err)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	replaced, err := r.replace.Run(ctx, r.client, []string{r.hash}, key.Prefix, before, text).Bool()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return replaced, away("revoke key", err)
}
