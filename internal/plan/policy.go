package plan

import (
	"time"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Policy says who may call what, and how often. RPCs are by their full names; all of them are RPCs that clients reach.
type Policy struct {
	// Providers are sorted by name; without any, everybody is anonymous.
	Providers []*IdentityProvider
	// Anonymous are the RPCs that may be called without proof.
	Anonymous map[string]bool
	// Rules are in the order of the file. With none, everybody may call everything.
	Rules []*Rule
	// Fields are the rules about fields of responses, in the order of the file.
	Fields []*FieldRule
	// Limits are in the order of the file.
	Limits      []*Limit
	Idempotency *Idempotency // nil for none
	// LogAll is set if permissions are logged, too, and not refusals alone.
	LogAll bool
}

// Expression is compiled for each RPC that it is about, since each has a request of its own type.
type Expression struct {
	Text     string
	Programs map[string]*expr.Program // by RPC
	At       diag.Position
}

// For is the program for an RPC; nil if there is none, or no expression.
func (e *Expression) For(rpc string) *expr.Program {
	if e == nil {
		return nil
	}
	return e.Programs[rpc]
}

// IdentityProvider is one way to prove who calls. One of the kinds is set.
type IdentityProvider struct {
	Name          string
	JWT           *JWT
	APIKeys       *APIKeys
	MTLS          *MTLS
	Introspection *Introspection
	At            diag.Position
}

// JWT is an issuer of signed tokens. A zero value means the default of package identity.
type JWT struct {
	Issuer    string
	Audiences []string
	// Upstream and Path say where the keys are, or with Discovery the metadata that says where they are.
	Upstream, Path string
	Discovery      bool
	Algorithms     []string
	Types          []string
	ClockSkew      time.Duration // -1 for the default
	Refresh        time.Duration
	ID, Scopes     string
}

// APIKeys are keys of Sheaf's own.
type APIKeys struct {
	Header string
	File   string // empty for in Redis
}

// MTLS takes the identity of clients' certificates.
type MTLS struct {
	ID           string // spiffe, dns or subject
	TrustDomains []string
}

// Introspection asks an authorization server about tokens.
type Introspection struct {
	Upstream, Path string
	Audiences      []string
	Keep           time.Duration
	ID, Scopes     string
}

// Rule allows or denies RPCs.
type Rule struct {
	Name string
	// Deny is set if the rule denies.
	Deny bool
	When Expression
}

// FieldRule hides fields from callers that do not fulfil a condition.
type FieldRule struct {
	Name string
	// Fields are by the full name of the message that has them.
	Fields map[string][]Hidden
	Allow  *expr.Program
	At     diag.Position
}

// Hidden is a field of a message.
type Hidden struct {
	Name   string
	Number int32
}

// Limit bounds what is asked for. One of Rate, Quota and Concurrency is set.
type Limit struct {
	Name string
	// RPCs are those that it is about.
	RPCs map[string]bool
	// Key gives what is counted apart, and Cost what an RPC counts; nil for all together, and for 1.
	Key, Cost   *Expression
	Rate        *Rate
	Quota       *Quota
	Concurrency int
	// Redis is set if replicas count together; then WhenAway is memory, allow or deny.
	Redis    bool
	WhenAway string
	At       diag.Position
}

// Rate is so many in a time, spread evenly; Burst of them may come at once.
type Rate struct {
	Count int64
	Per   time.Duration
	Burst int64
}

// Quota is so many in each minute, hour, day or month of the calendar, in UTC.
type Quota struct {
	Count int64
	Each  string
}

// Idempotency makes RPCs happen once for each key of a caller's.
type Idempotency struct {
	RPCs     map[string]bool
	Required bool
	Keep     time.Duration
	Redis    bool
	// Deny is set if requests with a key are refused while Redis is away.
	Deny bool
	At   diag.Position
}
