package identity

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
)

// Proof is what a request carries to prove who sent it.
type Proof struct {
	Header http.Header
	// Certificates are the client's, which its listener has verified, its own first; nil for none.
	Certificates []*x509.Certificate
}

// Provider knows one kind of proof. It is safe for concurrent use.
type Provider interface {
	// Identify is the caller that a proof is of. The error is ErrNone if there is no proof of this kind, an *Error if there is one that
	// does not hold, and wraps ErrUnavailable if it cannot be checked at the moment.
	Identify(ctx context.Context, proof Proof) (*Caller, error)
	// Challenge is what WWW-Authenticate says of the proof that it asks for (RFC 9110, section 11.6.1); empty for none.
	Challenge() string
}

var (
	// ErrNone says that a request carries no proof.
	ErrNone = errors.New("no proof of identity, which every RPC needs that policy.anonymous does not name")
	// ErrUnavailable says that a proof cannot be checked at the moment.
	ErrUnavailable = errors.New("the proof of identity cannot be checked at the moment")
)

// Error says that a proof does not hold.
type Error struct {
	// Reason is what clients may know, such as "token has expired". It quotes nothing of the proof.
	Reason string
	// Challenge is what WWW-Authenticate says of it, in place of what the provider says; empty for no more than that.
	Challenge string
	// Err is what logs may know besides; nil for nothing. It holds nothing of what is secret in the proof.
	Err error
}

// Error is the reason, with what logs may know.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap is what logs may know.
func (e *Error) Unwrap() error { return e.Err }
