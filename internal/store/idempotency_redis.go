package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// redisIdempotency keeps each record as a hash. All times are of Redis's clock, in milliseconds: lease is until when the owner counts
// as alive, and until is when the record ends. One that is reserved ends with its lease.
type redisIdempotency struct {
	*Redis
	reserve, extend, markSent, finish, release *redis.Script
}

// clock gives now, the time, to Lua; ms writes one without an exponent.
const clock = `
	local time = redis.call('TIME')
	local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
	local function ms(at) return string.format('%.0f', at) end
	`

// ownRecord reads a record, and ends the script if it is not the owner's, or done.
const ownRecord = clock + `
	local record = redis.call('HMGET', KEYS[1], 'owner', 'state', 'until', 'lease')
	if record[1] ~= ARGV[1] or record[2] == 'done' then return 0 end
	`

// Idempotency keeps records in Redis. They are lost with it: it has to persist what it is given, and to evict nothing.
func (r *Redis) Idempotency() Idempotency {
	return &redisIdempotency{
		Redis: r,
		reserve: redis.NewScript(clock + `
			local record = redis.call('HMGET', KEYS[1], 'state', 'fingerprint', 'lease', 'answer')
			local state, alive = record[1], record[3] and tonumber(record[3]) > now
			if not state or state == 'reserved' and not alive then
				redis.call('DEL', KEYS[1])
				redis.call('HSET', KEYS[1], 'state', 'reserved', 'owner', ARGV[1], 'fingerprint', ARGV[2],
					'lease', ms(now + ARGV[3]), 'until', ms(now + ARGV[4]))
				redis.call('PEXPIREAT', KEYS[1], ms(now + ARGV[3]))
				return {'reserved', ''}
			end
			if record[2] ~= ARGV[2] then return {'other', ''} end
			if state == 'done' then return {'done', record[4]} end
			if alive then return {'running', ''} end
			return {'unknown', ''}`),
		extend: redis.NewScript(ownRecord + `
			if tonumber(record[4]) <= now then return 0 end
			redis.call('HSET', KEYS[1], 'lease', ms(now + ARGV[2]))
			if record[2] == 'reserved' then redis.call('PEXPIREAT', KEYS[1], ms(now + ARGV[2])) end
			return 1`),
		markSent: redis.NewScript(ownRecord + `
			redis.call('HSET', KEYS[1], 'state', 'sent', 'lease', ms(now + ARGV[2]))
			redis.call('PEXPIREAT', KEYS[1], record[3])
			return 1`),
		finish: redis.NewScript(ownRecord + `
			redis.call('HSET', KEYS[1], 'state', 'done', 'answer', ARGV[2])
			redis.call('PEXPIREAT', KEYS[1], record[3])
			return 1`),
		release: redis.NewScript(ownRecord + `
			return redis.call('DEL', KEYS[1])`),
	}
}

// Reserve implements Idempotency.
func (r *redisIdempotency) Reserve(ctx context.Context, of Reservation) (Found, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	reply, err := r.reserve.Run(ctx, r.client, r.keys(of), of.Owner, of.Fingerprint, of.Lease.Milliseconds(), of.Keep.Milliseconds()).StringSlice()
	if err != nil {
		return Found{}, away("reserve", err)
	}
	const parts = 2
	if len(reply) != parts {
		return Found{}, fmt.Errorf("reserve: %w: a reply of %d parts", ErrAway, len(reply))
	}
	return Found{State: State(reply[0]), Answer: []byte(reply[1])}, nil
}

// Extend implements Idempotency.
func (r *redisIdempotency) Extend(ctx context.Context, of Reservation) error {
	return r.change(ctx, r.extend, of, of.Lease.Milliseconds())
}

// MarkSent implements Idempotency.
func (r *redisIdempotency) MarkSent(ctx context.Context, of Reservation) error {
	return r.change(ctx, r.markSent, of, of.Lease.Milliseconds())
}

// Finish implements Idempotency.
func (r *redisIdempotency) Finish(ctx context.Context, of Reservation, answer []byte) error {
	return r.change(ctx, r.finish, of, answer)
}

// Release implements Idempotency.
func (r *redisIdempotency) Release(ctx context.Context, of Reservation) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return away("release", r.release.Run(ctx, r.client, r.keys(of), of.Owner).Err())
}

// change runs a script about a record of the owner's.
func (r *redisIdempotency) change(ctx context.Context, script *redis.Script, of Reservation, argument any) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	changed, err := script.Run(ctx, r.client, r.keys(of), of.Owner, argument).Int()
	if err == nil && changed == 0 {
		return ErrLost
	}
	return away("change", err)
}

func (r *redisIdempotency) keys(of Reservation) []string {
	return []string{r.prefix + "idempotency:" + of.Name}
}
