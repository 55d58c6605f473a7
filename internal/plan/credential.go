package plan

import (
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Secret says where a secret is; the zero Secret is none. It does not hold it.
type Secret struct {
	// Env is the name of a variable, File the path of a file, and Account the name of a secret of the account.
	Env, File, Account string
	At                 diag.Position
}

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.Env == "" && s.File == "" && s.Account == "" }

// describe says where a secret is.
func (s Secret) describe() string {
	switch {
	case s.Env != "":
		return "variable " + s.Env
	case s.File != "":
		return "a file"
	default:
		return s.Account + " of the account"
	}
}

// Credential says what signs each request; the zero Credential signs nothing. It holds no secret.
type Credential struct {
	// Kind is nil for none.
	Kind CredentialKind
	At   diag.Position
}

// CredentialKind is a Bearer, HeaderSecret, QuerySecret, PathSecret, Basic, Caller, OAuth2, HMAC or AWS.
type CredentialKind interface {
	// describe says in what form it is sent, and where its secrets are.
	describe() string
	// secrets are all that it needs, some of which may be none.
	secrets() []Secret
}

// Bearer is Authorization: Bearer.
type Bearer struct{ Secret Secret }

// HeaderSecret is a secret in a header of its own.
type HeaderSecret struct {
	Name   string
	Secret Secret
}

// QuerySecret is a secret in a query parameter.
type QuerySecret struct {
	Name   string
	Secret Secret
}

// PathSecret is a secret in a path before that of the call, in the place of ${secret}.
type PathSecret struct {
	Prefix string
	Secret Secret
}

// Basic is Authorization: Basic.
type Basic struct {
	Username string
	Password Secret
}

// Caller is the caller's own Authorization.
type Caller struct{}

// OAuth2 is a token that another upstream issues.
type OAuth2 struct {
	// Upstream is the authorization server, and Path where its tokens are.
	Upstream, Path string
	// Exchange exchanges the caller's own token.
	Exchange     bool
	ClientID     string
	ClientSecret Secret
	// AuthInForm sends id and secret as fields, not as Authorization: Basic.
	AuthInForm bool
	Scopes     []string
	// Form holds further fields, sorted by name.
	Form []Header
}

// HMAC is a signature with a shared key.
type HMAC struct {
	Header, TimestampHeader string
	Key                     Secret
	SHA512, Base64          bool
	// Text is what is signed, and Value the header's value.
	Text, Value []expr.Part
}

// AWS is AWS Signature Version 4. SessionToken may be none.
type AWS struct {
	Region, Service                            string
	AccessKeyID, SecretAccessKey, SessionToken Secret
}

// IsCallers reports whether requests are signed by what the caller has sent.
func (c Credential) IsCallers() bool {
	switch kind := c.Kind.(type) {
	case Caller:
		return true
	case *OAuth2:
		return kind.Exchange
	default:
		return false
	}
}

// usesAccount reports whether requests are signed by what an account has.
func (c Credential) usesAccount() bool {
	if c.Kind == nil {
		return false
	}
	if path, ok := c.Kind.(PathSecret); ok && strings.Contains(path.Prefix, accountHole) {
		return true
	}
	return slices.ContainsFunc(c.Kind.secrets(), func(one Secret) bool { return one.Account != "" })
}

// accountHole begins a hole that an account fills.
const accountHole = "${account."

// Issuer is the upstream that issues the tokens; empty for none.
func (c Credential) Issuer() string {
	if kind, ok := c.Kind.(*OAuth2); ok {
		return kind.Upstream
	}
	return ""
}

func (c Credential) describe() string {
	if c.Kind == nil {
		return ""
	}
	return c.Kind.describe()
}

func (b Bearer) describe() string       { return "bearer from " + b.Secret.describe() }
func (h HeaderSecret) describe() string { return "header " + h.Name + " from " + h.Secret.describe() }
func (q QuerySecret) describe() string {
	return "query parameter " + q.Name + " from " + q.Secret.describe()
}
func (p PathSecret) describe() string { return "path " + p.Prefix + " from " + p.Secret.describe() }
func (b Basic) describe() string {
	return "basic, user " + b.Username + ", password from " + b.Password.describe()
}
func (Caller) describe() string { return "the caller's Authorization" }

func (o *OAuth2) describe() string {
	text := "bearer issued by " + o.Upstream + ":" + o.Path
	if o.Exchange {
		text += " for the caller's token"
	}
	text += ", client " + o.ClientID + " with secret from " + o.ClientSecret.describe()
	if len(o.Scopes) > 0 {
		text += ", scopes " + strings.Join(o.Scopes, " ")
	}
	return text
}

func (h *HMAC) describe() string {
	return "HMAC in header " + h.Header + ", key from " + h.Key.describe()
}

func (a *AWS) describe() string {
	return "AWS Signature V4 for " + a.Service + " in " + a.Region + ", key from " + a.SecretAccessKey.describe()
}

func (b Bearer) secrets() []Secret       { return []Secret{b.Secret} }
func (h HeaderSecret) secrets() []Secret { return []Secret{h.Secret} }
func (q QuerySecret) secrets() []Secret  { return []Secret{q.Secret} }
func (p PathSecret) secrets() []Secret   { return []Secret{p.Secret} }
func (b Basic) secrets() []Secret        { return []Secret{b.Password} }
func (Caller) secrets() []Secret         { return nil }
func (o *OAuth2) secrets() []Secret      { return []Secret{o.ClientSecret} }
func (h *HMAC) secrets() []Secret        { return []Secret{h.Key} }
func (a *AWS) secrets() []Secret         { return []Secret{a.AccessKeyID, a.SecretAccessKey, a.SessionToken} }
