// Package identity is for finding out who calls, from what a request proves: a token, a key or a certificate. It knows neither
// RPCs nor what callers may do.
package identity

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// AnonymousProvider is the provider of callers that prove nothing.
const AnonymousProvider = "anonymous"

// Caller is whoever calls. Nothing changes one, so it is safe for concurrent use, and one is shared by all calls with the same proof.
type Caller struct {
	// Provider is the name of the identity provider whose proof it is, or AnonymousProvider.
	Provider string
	// ID is the caller's within its provider; empty for an anonymous one.
	ID string
	// Issuer is that of its token; empty for none.
	Issuer string
	// Scopes are what its proof is for.
	Scopes []string
	// Expires is when the proof ends; zero for never.
	Expires time.Time

	key   string
	raw   []byte
	value *expr.JSON
}

// New is a caller with these attributes. Claims are a JSON object, or nil.
func New(provider, id, issuer string, scopes []string, claims []byte) *Caller {
	caller := &Caller{Provider: provider, ID: id, Issuer: issuer, Scopes: scopes, key: provider + "\x00" + id}
	caller.raw = caller.encode(claims)
	caller.value = expr.NewJSON(caller.raw)
	return caller
}

// Anonymous is a caller that proves nothing.
func Anonymous() *Caller { return New(AnonymousProvider, "", "", nil, nil) }

// IsAnonymous reports whether the caller has proven nothing.
func (c *Caller) IsAnonymous() bool { return c.Provider == AnonymousProvider }

// Key is a text that no other caller has; all anonymous ones have the same.
func (c *Caller) Key() string { return c.key }

// JSON is the caller as expressions see it: provider, id, issuer, scopes and claims. What there is none of is left out, but for scopes
// and claims. It must not be changed.
func (c *Caller) JSON() []byte { return c.raw }

// Value is the same for CEL.
func (c *Caller) Value() *expr.JSON { return c.value }

func (c *Caller) encode(claims []byte) []byte {
	dst := appendMember([]byte{'{'}, "provider", c.Provider)
	if c.ID != "" {
		dst = appendMember(append(dst, ','), "id", c.ID)
	}
	if c.Issuer != "" {
		dst = appendMember(append(dst, ','), "issuer", c.Issuer)
	}
	dst = append(dst, `,"scopes":[`...)
	for i, scope := range c.Scopes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, scope)
	}
	dst = append(dst, `],"claims":`...)
	if claims == nil {
		claims = []byte("{}")
	}
	return append(append(dst, claims...), '}')
}

func appendMember(dst []byte, name, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, name)
	dst, _ = jsontext.AppendQuote(append(dst, ':'), text) // what is no UTF-8 is replaced
	return dst
}
