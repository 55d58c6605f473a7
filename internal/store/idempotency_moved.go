package store

import "context"

// movedIdempotency keeps records in a new place, and looks at those of before in the old one.
type movedIdempotency struct {
	Idempotency

	old *MemoryIdempotency
}

// MovedIdempotency keeps records elsewhere from now on. What this process knows of requests from before holds on, so that they do not run
// again.
func MovedIdempotency(from *MemoryIdempotency, to Idempotency) Idempotency {
	return movedIdempotency{to, from}
}

// Reserve implements Idempotency.
func (m movedIdempotency) Reserve(ctx context.Context, reservation Reservation) (Found, error) {
	if found, ok := m.old.look(reservation); ok {
		return found, nil
	}
	return m.Idempotency.Reserve(ctx, reservation)
}
