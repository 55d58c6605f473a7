package identity

import (
	"context"
	"net/http"
)

// oneProof is a provider that finds nobody.
type oneProof []string

// OneProof refuses requests with more than one of these headers: which one says who calls would be a matter of order. It is asked first.
func OneProof(headers ...string) Provider {
	canonical := make(oneProof, len(headers))
	for i, header := range headers {
		canonical[i] = http.CanonicalHeaderKey(header)
	}
	return canonical
}

// Challenge implements Provider.
func (oneProof) Challenge() string { return "" }

// Identify implements Provider.
func (o oneProof) Identify(_ context.Context, proof Proof) (*Caller, error) {
	found := 0
	for _, header := range o {
		if len(proof.Header[header]) > 0 {
			found++
		}
	}
	if found > 1 {
		return nil, &Error{Reason: "a request carries one proof of who calls, and not several"}
	}
	return nil, ErrNone
}
