package store

import (
	"context"
	"errors"
	"time"
)

// Idempotency keeps what became of requests that carry an idempotency key. A record is reserved while nothing has been sent that may
// change something, sent from just before that, and done once there is an answer. It must be safe for concurrent use.
//
// Errors wrap ErrAway if the store is away; then it is not known whether the operation was carried out.
type Idempotency interface {
	// Reserve makes the owner the one who runs a request, or says what became of it. A record that is reserved counts for nothing
	// once its lease is over. The error may be ErrFull.
	Reserve(ctx context.Context, reservation Reservation) (Found, error)
	// Extend begins the lease anew. The error is ErrLost if the record is not the owner's any more, or the lease is over: others may
	// have been told so.
	Extend(ctx context.Context, reservation Reservation) error
	// MarkSent makes a record that is the owner's a sent one, which nobody takes over, and begins the lease anew. Nothing may be sent
	// if it fails. The error is ErrLost if the record is not the owner's any more.
	MarkSent(ctx context.Context, reservation Reservation) error
	// Finish keeps an answer, not to be changed, until Keep is over since the reservation. The error is ErrLost if the record is
	// not the owner's any more, or ErrFull.
	Finish(ctx context.Context, reservation Reservation, answer []byte) error
	// Release forgets a record of the owner's that is not done, so that the request counts as new.
	Release(ctx context.Context, reservation Reservation) error
}

// Reservation is a claim to run a request.
type Reservation struct {
	// Name stands for the request's key, and Owner for who runs it: no two are the same.
	Name, Owner string
	// Caller is whose request it is.
	Caller string
	// Fingerprint tells requests with the same name apart.
	Fingerprint []byte
	// Lease is how long an owner counts as alive that is not heard of, and Keep how long the record is kept.
	Lease, Keep time.Duration
}

// Found is what Reserve finds.
type Found struct {
	State State
	// Answer is that of a request that is done; not to be changed.
	Answer []byte
}

// State is what a request with an idempotency key is in.
type State string

// What Reserve finds.
const (
	StateReserved State = "reserved" // by who asked
	StateRunning  State = "running"  // for another owner, whose lease is not over
	StateDone     State = "done"     // with an answer
	StateUnknown  State = "unknown"  // something was sent, and its owner is not heard of any more
	StateOther    State = "other"    // the name stands for another request
)

var (
	// ErrLost says that a record is not the owner's: its lease was over, or the store has forgotten it.
	ErrLost = errors.New("the reservation of the idempotency key is lost")
	// ErrFull says that there is no room. Nothing is forgotten before its time, since that would make it new.
	ErrFull = errors.New("there is no room for more idempotency keys")
)

// MaxAnswer bounds what Finish takes, in bytes.
const MaxAnswer = maxBlob
