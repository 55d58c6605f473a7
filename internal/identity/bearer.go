package identity

import (
	"context"
	"time"
)

// Bearer knows the tokens of Authorization: Bearer (RFC 6750): each JWT goes to the provider of its issuer, and what else there is to
// introspection.
type Bearer struct {
	jwts          []*JWT
	byIssuer      map[string]*JWT
	introspection *Introspection
}

var _ Provider = (*Bearer)(nil)

// NewBearer chooses among providers of JWTs, one for each issuer, and introspection, which is nil for none.
func NewBearer(jwts []*JWT, introspection *Introspection) *Bearer {
	b := &Bearer{jwts: jwts, byIssuer: map[string]*JWT{}, introspection: introspection}
	for _, one := range jwts {
		b.byIssuer[one.config.Issuer] = one
	}
	return b
}

// Identify implements Provider.
func (b *Bearer) Identify(ctx context.Context, proof Proof) (*Caller, error) {
	token, err := bearerToken(proof.Header)
	if err != nil {
		return nil, err
	}
	digest, now := digestOf(token), time.Now()
	for _, one := range b.jwts {
		if caller := one.known(digest, now); caller != nil {
			return caller, nil
		}
	}
	if !isBearer(token) { // one that is known has been looked at
		return nil, errNotBearer()
	}
	if len(b.jwts) == 0 && b.introspection != nil {
		return b.introspection.identify(ctx, token, digest)
	}
	return b.read(ctx, token, digest)
}

// Challenge implements Provider.
func (*Bearer) Challenge() string { return bearerScheme }

// read finds who knows a token. Its issuer is not verified here: it only says who is to verify it.
func (b *Bearer) read(ctx context.Context, token string, digest digest) (*Caller, error) {
	parsed, err := parseToken(token)
	if err == nil && b.byIssuer[parsed.issuer] != nil {
		return b.byIssuer[parsed.issuer].verify(ctx, parsed, digest)
	}
	isOthers := err == nil || !isJWT(token)
	switch {
	case b.introspection != nil && isOthers:
		return b.introspection.identify(ctx, token, digest)
	case err != nil:
		return nil, err
	default:
		return nil, refuse("token is of an issuer that is not known here")
	}
}
