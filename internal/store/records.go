package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Records keep sealed secrets by names, where other processes find them, too. It must be safe for concurrent use.
type Records interface {
	// Load is the record of a name; the zero Record if there is none.
	Load(ctx context.Context, name string) (Record, error)
	// Save keeps a record. The error is ErrNotNewer if there is one of the same generation, or of a later one.
	Save(ctx context.Context, name string, record Record) error
	// Lock waits until nobody else has the lock of a name. It ends with unlock, or after the lease.
	Lock(ctx context.Context, name string, lease time.Duration) (unlock func(), err error)
}

// Record is what is kept of an account.
type Record struct {
	// Generation counts the renewals; it is at least 1.
	Generation uint64 `json:"generation"`
	Sealed     []byte `json:"sealed"`
}

// ErrNotNewer says that a record is not newer than the one that is kept.
var ErrNotNewer = errors.New("record is not newer than the one that is kept")

// errTaken says that somebody else has had a lock for as long as it was waited for.
var errTaken = errors.New("somebody else is at it")

// await tries to get a lock until it succeeds, ever less often: the waits are random, up to a bound that doubles.
func await(ctx context.Context, try func() (bool, error)) error {
	const first, longest = 10 * time.Millisecond, 200 * time.Millisecond
	for bound := first; ; bound = min(2*bound, longest) {
		got, err := try()
		if got || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errTaken, ctx.Err())
		case <-time.After(bound/2 + rand.N(bound/2)): //nolint:gosec // a wait is no secret
		}
	}
}
