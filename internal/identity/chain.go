package identity

import (
	"context"
	"errors"
)

// Chain finds the caller of a proof among several kinds. It is safe for concurrent use.
type Chain struct {
	providers []Provider
	anonymous *Caller
}

// NewChain asks providers in this order. Without any, everybody is anonymous.
func NewChain(providers ...Provider) *Chain {
	return &Chain{providers: providers, anonymous: Anonymous()}
}

// Identify is the caller of the first provider that finds its proof. One that does not hold is an error, whatever else there is. Without
// any, the caller is anonymous if that is allowed, or the error is ErrNone.
func (c *Chain) Identify(ctx context.Context, proof Proof, anonymous bool) (*Caller, error) {
	for _, provider := range c.providers {
		caller, err := provider.Identify(ctx, proof)
		if !errors.Is(err, ErrNone) {
			return caller, err
		}
	}
	if anonymous || len(c.providers) == 0 {
		return c.anonymous, nil
	}
	return nil, ErrNone
}
