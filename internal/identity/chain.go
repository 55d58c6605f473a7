package identity

import (
	"context"
	"errors"
	"strings"
)

// Chain finds the caller of a proof among several kinds. It is safe for concurrent use.
type Chain struct {
	providers  []Provider
	challenges []string
	anonymous  *Caller
}

// NewChain asks providers in this order. Without any, everybody is anonymous.
func NewChain(providers ...Provider) *Chain {
	c := &Chain{providers: providers, anonymous: Anonymous()}
	for _, provider := range providers {
		if challenge := provider.Challenge(); challenge != "" {
			c.challenges = append(c.challenges, challenge)
		}
	}
	return c
}

// Challenges are what WWW-Authenticate says of the proofs that count, each a value of its own; nil where everybody is anonymous. Nobody
// changes them.
func (c *Chain) Challenges() []string { return c.challenges }

// Challenged are the challenges to a request that could not be identified: if the proof says what was wrong with it, that stands first,
// instead of what is asked for with the same scheme. They are nil where no other proof would help.
func (c *Chain) Challenged(err error) []string {
	wrong, isWrong := errors.AsType[*Error](err)
	switch {
	case isWrong && wrong.Challenge != "":
		told := []string{wrong.Challenge}
		for _, challenge := range c.challenges {
			if schemeOf(challenge) != schemeOf(wrong.Challenge) {
				told = append(told, challenge)
			}
		}
		return told
	case isWrong || errors.Is(err, ErrNone):
		return c.challenges
	default:
		return nil
	}
}

// schemeOf is the first word of a challenge.
func schemeOf(challenge string) string {
	scheme, _, _ := strings.Cut(challenge, " ")
	return scheme
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
