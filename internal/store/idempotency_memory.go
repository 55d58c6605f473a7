package store

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"
)

// MemoryIdempotency keeps records in this process. They end with it.
type MemoryIdempotency struct {
	max int

	mu    sync.Mutex
	bytes int
	// byCaller is how much of it is each caller's.
	byCaller map[string]int
	oldest   *list.List // of *idempotencyRecord, in the order of their reservations
	byName   map[string]*list.Element
}

var _ Idempotency = (*MemoryIdempotency)(nil)

type idempotencyRecord struct {
	Reservation
	sent, done bool
	answer     []byte
	// lease is until when the owner counts as alive, and until is when the record ends.
	lease, until time.Time
}

func (r *idempotencyRecord) size() int {
	return len(r.Name) + len(r.Owner) + len(r.Caller) + len(r.Fingerprint) + len(r.answer) + overhead
}

// isOver reports whether the record counts for nothing any more.
func (r *idempotencyRecord) isOver(now time.Time) bool {
	return !now.Before(r.until) || !r.sent && !r.done && !now.Before(r.lease)
}

// quarters are the parts of the room. The last one is for callers who have less than that, so that none takes the room from all others for as
// long as records are kept.
const quarters = 4

// NewMemoryIdempotency keeps records up to a number of bytes, keys and overhead included. When they are full, no more are reserved.
func NewMemoryIdempotency(maxBytes int) *MemoryIdempotency {
	return &MemoryIdempotency{max: maxBytes, oldest: list.New(), byName: map[string]*list.Element{}, byCaller: map[string]int{}}
}

// hasRoom reports whether a caller may have so much more.
func (m *MemoryIdempotency) hasRoom(caller string, bytes int) bool {
	quarter, all := m.max/quarters, m.bytes+bytes
	return all <= m.max-quarter || all <= m.max && m.byCaller[caller]+bytes <= quarter
}

// add counts so much more, or less, of a caller's.
func (m *MemoryIdempotency) add(caller string, bytes int) {
	m.bytes += bytes
	if m.byCaller[caller] += bytes; m.byCaller[caller] == 0 {
		delete(m.byCaller, caller)
	}
}

// Reserve implements Idempotency.
func (m *MemoryIdempotency) Reserve(_ context.Context, reservation Reservation) (Found, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.forget(now)
	if element := m.byName[reservation.Name]; element != nil {
		record := element.Value.(*idempotencyRecord)
		if !record.isOver(now) {
			return record.found(reservation.Fingerprint, now), nil
		}
		m.remove(element)
	}
	record := &idempotencyRecord{Reservation: reservation, lease: now.Add(reservation.Lease), until: now.Add(reservation.Keep)}
	if !m.hasRoom(record.Caller, record.size()) {
		return Found{}, ErrFull
	}
	m.byName[reservation.Name] = m.oldest.PushBack(record)
	m.add(record.Caller, record.size())
	return Found{State: StateReserved}, nil
}

// look is what is known of a reservation's name; false for nothing.
func (m *MemoryIdempotency) look(reservation Reservation) (Found, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	element := m.byName[reservation.Name]
	if element == nil || element.Value.(*idempotencyRecord).isOver(now) {
		return Found{}, false
	}
	return element.Value.(*idempotencyRecord).found(reservation.Fingerprint, now), true
}

// found is what a request with a fingerprint finds.
func (r *idempotencyRecord) found(fingerprint []byte, now time.Time) Found {
	switch {
	case !bytes.Equal(r.Fingerprint, fingerprint):
		return Found{State: StateOther}
	case r.done:
		return Found{State: StateDone, Answer: r.answer}
	case now.Before(r.lease):
		return Found{State: StateRunning}
	default:
		return Found{State: StateUnknown}
	}
}

// forget makes room of the oldest records that are over.
func (m *MemoryIdempotency) forget(now time.Time) {
	for element := m.oldest.Front(); element != nil && element.Value.(*idempotencyRecord).isOver(now); element = m.oldest.Front() {
		m.remove(element)
	}
}

func (m *MemoryIdempotency) remove(element *list.Element) {
	record := m.oldest.Remove(element).(*idempotencyRecord)
	delete(m.byName, record.Name)
	m.add(record.Caller, -record.size())
}

// Extend implements Idempotency.
func (m *MemoryIdempotency) Extend(_ context.Context, reservation Reservation) error {
	return m.change(reservation, func(record *idempotencyRecord, now time.Time) error {
		if !now.Before(record.lease) {
			return ErrLost
		}
		record.lease = now.Add(reservation.Lease)
		return nil
	})
}

// MarkSent implements Idempotency.
func (m *MemoryIdempotency) MarkSent(_ context.Context, reservation Reservation) error {
	return m.change(reservation, func(record *idempotencyRecord, now time.Time) error {
		record.sent, record.lease = true, now.Add(reservation.Lease)
		return nil
	})
}

// Finish implements Idempotency.
func (m *MemoryIdempotency) Finish(_ context.Context, reservation Reservation, answer []byte) error {
	return m.change(reservation, func(record *idempotencyRecord, _ time.Time) error {
		if !m.hasRoom(record.Caller, len(answer)) {
			return ErrFull
		}
		record.done, record.answer = true, answer
		m.add(record.Caller, len(answer))
		return nil
	})
}

// Release implements Idempotency.
func (m *MemoryIdempotency) Release(_ context.Context, reservation Reservation) error {
	_ = m.change(reservation, func(*idempotencyRecord, time.Time) error {
		m.remove(m.byName[reservation.Name])
		return nil
	}) // what is lost is forgotten already
	return nil
}

// change changes a record of the owner's that is neither over nor done.
func (m *MemoryIdempotency) change(reservation Reservation, change func(*idempotencyRecord, time.Time) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, element := time.Now(), m.byName[reservation.Name]
	if element == nil {
		return ErrLost
	}
	record := element.Value.(*idempotencyRecord)
	if record.Owner != reservation.Owner || record.done || record.isOver(now) {
		return ErrLost
	}
	return change(record, now)
}

// Bytes is how much is kept, keys and overhead included.
func (m *MemoryIdempotency) Bytes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}
