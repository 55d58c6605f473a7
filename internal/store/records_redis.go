package store

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisRecords keep each record as a hash, and its lock beside it: both are on the same node of a cluster.
type redisRecords struct {
	*Redis
	save, release *redis.Script
}

// Records keeps records in Redis, without an end. The errors are ErrAway, or as Records has them.
func (r *Redis) Records() Records {
	return &redisRecords{
		Redis: r,
		save: redis.NewScript(`
			if tonumber(redis.call('HGET', KEYS[1], 'generation') or '0') >= tonumber(ARGV[1]) then return 0 end
			redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'sealed', ARGV[2])
			return 1`),
		release: redis.NewScript(`
			if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
			return 0`),
	}
}

// key is that of a record; the braces say what decides the node.
func (r *redisRecords) key(name string) string { return r.prefix + "account:{" + name + "}" }

// Load implements Records.
func (r *redisRecords) Load(ctx context.Context, name string) (Record, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	fields, err := r.client.HGetAll(ctx, r.key(name)).Result()
	if err != nil || len(fields) == 0 {
		return Record{}, away("load", err)
	}
	generation, err := strconv.ParseUint(fields["generation"], 10, 64)
	if err != nil {
		return Record{}, errSealed
	}
	return Record{Generation: generation, Sealed: []byte(fields["sealed"])}, nil
}

// Save implements Records.
func (r *redisRecords) Save(ctx context.Context, name string, record Record) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	saved, err := r.save.Run(ctx, r.client, []string{r.key(name)}, record.Generation, record.Sealed).Int()
	if err == nil && saved == 0 {
		return ErrNotNewer
	}
	return away("save", err)
}

// Lock implements Records. Redis's clock measures the lease.
func (r *redisRecords) Lock(ctx context.Context, name string, lease time.Duration) (func(), error) {
	key, token := r.key(name)+":lock", rand.Text()
	unlock := func() {
		ctx, cancel := r.bounded(context.WithoutCancel(ctx))
		defer cancel()
		_ = r.release.Run(ctx, r.client, []string{key}, token).Err() // the lease ends by itself
	}
	err := await(ctx, func() (bool, error) {
		ctx, cancel := r.bounded(ctx)
		defer cancel()
		err := r.client.SetArgs(ctx, key, token, redis.SetArgs{Mode: "NX", TTL: lease}).Err()
		if errors.Is(err, redis.Nil) {
			return false, nil
		}
		return err == nil, away("lock", err)
	})
	if err != nil {
		unlock() // it may have been carried out
		return nil, err
	}
	return unlock, nil
}
