package identity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// read is the caller that an answer describes (RFC 7662, section 2.2).
func (i *Introspection) read(body []byte, now time.Time) (*Caller, error) {
	members, err := readClaims(body)
	if err != nil {
		return nil, fmt.Errorf("%w: read introspection: answer is %w", ErrUnavailable, err)
	}
	for name, value := range members {
		if value.Kind() == jsontext.KindNull {
			delete(members, name)
		}
	}
	switch members["active"].Kind() {
	case jsontext.KindTrue:
		return i.caller(members, body, now)
	case jsontext.KindFalse:
		return nil, refuse(notActive)
	default:
		return nil, fmt.Errorf("%w: read introspection: answer does not say whether the token is active", ErrUnavailable)
	}
}

func (i *Introspection) caller(members claims, body []byte, now time.Time) (*Caller, error) {
	life, err := members.lifetime()
	if err != nil {
		return nil, err
	}
	if err := life.check(now, defaultSkew); err != nil {
		return nil, err
	}
	if len(i.config.Audiences) > 0 {
		if err := members.checkAudience(i.config.Audiences); err != nil {
			return nil, err
		}
	}
	if err := members.checkUnbound(); err != nil {
		return nil, err
	}
	if err := members.checkKind(); err != nil {
		return nil, err
	}
	id, err := members.id(i.ids...)
	if err != nil {
		return nil, err
	}
	scopes, err := members.scopes(i.scopes...)
	if err != nil {
		return nil, err
	}
	issuer, _ := members.text("iss")
	return newCaller(&Caller{Provider: i.config.Name, ID: id, Issuer: issuer, Scopes: scopes, Expires: life.ends}, body), nil
}

// kinds are members by which authorization servers tell access tokens from others, and what they say of access tokens. All kinds of
// tokens may be active, so that a refresh token would do for an access token.
var kinds = map[string][]string{
	"token_type": {"bearer", "access_token"}, // RFC 7662
	"token_use":  {"access", "access_token"},
	"typ":        {"bearer", "at+jwt", "jwt", "access_token"},
}

// checkKind refuses what says that it is no access token.
func (c claims) checkKind() error {
	for name, access := range kinds {
		if _, present := c[name]; !present {
			continue
		}
		said, ok := c.text(name)
		if !ok || !slices.Contains(access, strings.ToLower(said)) {
			return refuse("token is no access token")
		}
	}
	return nil
}
