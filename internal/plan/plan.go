// Package plan is for what is left of a project when every check has passed: contract and bindings as frozen data. It is
// the only thing that runs. It can be printed, and every part of it knows where it stands in the author's files.
//
// compile builds a Plan; after that nothing changes it, so it is safe for concurrent use.
package plan

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// Plan is everything that a server needs to know.
type Plan struct {
	Server Server
	// Upstreams are sorted by name.
	Upstreams []*Upstream
	// Services are those of the contract that have a binding, sorted by full name.
	Services []*Service
	// Files are the contract's files and their imports.
	Files *protoregistry.Files
	// Accounts are those of the file of accounts, by id.
	Accounts map[string]Account
	// Renewed says where their renewed secrets are kept; nil for in memory.
	Renewed *Renewed
	// Redis is what replicas share; nil for none.
	Redis *Redis
	// Policy says who may call what; nil for everybody everything.
	Policy *Policy
	// Routes are in the order of the file.
	Routes []*Route
	// Digest is a fingerprint of all that the plan is made from, but for secrets: replicas with the same digest do the same.
	Digest string
}

// Server holds the settings of the listener, with defaults filled in.
type Server struct {
	Listen string
	// MaxRequestBytes bounds a request message.
	MaxRequestBytes int
	// MaxDepth bounds the levels of messages within one, and MaxElements its elements of lists and maps, all together.
	MaxDepth, MaxElements int
	// AllowUnknownFields leaves out what JSON requests have and the contract has not.
	AllowUnknownFields bool
	MaxTimeout         time.Duration
	DrainTimeout       time.Duration
	// MaxWork bounds the sum of the costs of RPCs in flight; 0 for no bound.
	MaxWork int
	// PageTokenKey says where the key of page tokens is; the zero Secret means a key of the process's own.
	PageTokenKey Secret
	TLS          *ServerTLS // nil for clear text
	Proxies      Proxies
	CORS         *CORS // nil for none
	// Reflection is set if the contract can be read over gRPC reflection.
	Reflection bool
	Internal   *Internal // nil for none
	Admin      Admin
}

// Admin is the API for operators; the zero Admin is none.
type Admin struct {
	Listen string
	// Operators are those who have a token, sorted by name; TokenOperator is whoever has the one without a name.
	Operators []Operator
	TLS       *ServerTLS // nil for clear text
}

// TokenOperator is the name of whoever has admin.token.
const TokenOperator = "token"

// Operator is one who may use the admin API.
type Operator struct {
	Name  string
	Token Secret
}

// Upstream holds the settings of one upstream. A zero number means the default of package upstreams.
type Upstream struct {
	Name    string
	BaseURL string
	// Private lets it have an address that is not public.
	Private        bool
	Timeout        time.Duration
	MaxAnswerBytes int64
	MaxConnections int
	Headers        []Header
	Credential     Credential
	Refresh        *Refresh
	Breaker        Breaker
	Retries        Retries
	Hedging        *Hedging // nil for none
	Concurrency    Concurrency
	Cache          *Cache   // nil for none
	Balance        *Balance // nil for none
	TLS            *TLS     // nil for the defaults
	Proxy          string   // the URL of one, or empty
	// Errors say what answers mean, in order; Answer is what is needed of an answer for that.
	Errors []*ErrorRule
	Answer *projection.Shape
	At     diag.Position
}

// Header is a header with a fixed value.
type Header struct{ Name, Value string }

// Account is one that calls can be made for.
type Account struct {
	Attributes map[string]string
	// Secrets say where they are; none is another account's.
	Secrets map[string]Secret
}

// Refresh renews an account's secrets.
type Refresh struct {
	// Method and Path are those of the request; Bearer is the account's secret that signs it, or empty.
	Method, Path, Bearer string
	// Form and Query are texts with ${secret.NAME} and ${account.NAME}, sorted by name.
	Form, Query []Header
	// Store are the account's secrets, each with the JSON path in the answer that it is read from, sorted by name.
	Store []Stored
}

// Stored is where a renewed secret is found.
type Stored struct {
	Secret string
	Path   expr.Path
}

// Service is one bound service.
type Service struct {
	Descriptor protoreflect.ServiceDescriptor
	// Binding is the name of the binding, for an internal service; empty for one that clients reach.
	Binding string
	// RPCs are in the order of the binding file.
	RPCs []*RPC
}

// RPC is one bound RPC.
type RPC struct {
	Method protoreflect.MethodDescriptor
	// Binding is the name of the binding that it stands in; empty for one that clients reach.
	Binding string
	// Timeout bounds the RPC besides the client's deadline and the server's MaxTimeout; 0 for none.
	Timeout time.Duration
	// Cost is what it costs while it is in flight; at least 1.
	Cost int
	// Access is who may call it; zero for one that clients do not reach.
	Access Access
	// Limits are those about it, in the order of the file.
	Limits []*Limit
	// Calls are in the order of the binding; a call's index is its identity.
	Calls []*Call
	// Require is what a request must fulfil before anything is called.
	Require []Requirement
	// Account gives the id of the account that calls are made for; nil for none.
	Account projection.Operand
	// Lets are the expressions that names of let stand for.
	Lets []*projection.Computed
	// Shapes are what is needed of the documents that are no answers.
	Shapes Shapes
	// Pages is how the RPC is paged; nil for not at all.
	Pages *Pages
	// Response fills the response message.
	Response projection.Response
	// Headers and Trailers are metadata of the response.
	Headers, Trailers []Parameter
	// PartialField is the number of the response's field of type sheaf.v1.Partial, or 0.
	PartialField protowire.Number
	// Route is the one whose upstreams it calls instead of those that its binding names; nil for none.
	Route *Route
	// Routes are those that are about it when clients call it, in the order of the file.
	Routes []*Route
	// Sources say where each field of the response comes from, in the order of the binding.
	Sources []Source
	At      diag.Position
}

// Parameter is a header.
type Parameter struct {
	Name  string
	Value projection.Operand
	At    diag.Position
}

// Source says where a field of the response comes from.
type Source struct {
	// Field is the path from the response message; an element of a list or a map stands as [].
	Field string
	// Type is the field's type, as a contract would write it.
	Type string
	// From is the expression as its author wrote it.
	From string
	At   diag.Position
}

// Find returns the RPC with a name such as shop.v1.StorefrontService/GetProduct (of an internal service:
// one:market.v1.MarketService/Offer), or such as GetProduct where only one service that clients reach has it, or
// nil.
func (p *Plan) Find(name string) *RPC {
	var found *RPC
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			switch {
			case name == rpc.Name():
				return rpc
			case rpc.Binding == "" && name == string(rpc.Method.Name()):
				if found != nil {
					return nil
				}
				found = rpc
			}
		}
	}
	return found
}

// Lookup is as Find; the error says that there is none, and which may have been meant.
func (p *Plan) Lookup(name string) (*RPC, error) {
	if found := p.Find(name); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("unknown RPC %q%s", name, p.Suggest(name, nil))
}

// Choose is the RPC that Lookup returns for a name; an empty name is all RPCs.
func (p *Plan) Choose(name string) ([]*RPC, error) {
	if name != "" {
		found, err := p.Lookup(name)
		return []*RPC{found}, err
	}
	var all []*RPC
	for _, service := range p.Services {
		all = append(all, service.RPCs...)
	}
	return all, nil
}

// Suggest is what to say besides that an RPC of this name is unknown; empty if there is nothing helpful. It names only RPCs that
// whoever asks may learn of; nil for all.
func (p *Plan) Suggest(name string, may func(*RPC) bool) string {
	var short, full []string
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			if may != nil && !may(rpc) {
				continue
			}
			if rpc.Binding == "" {
				short = append(short, string(rpc.Method.Name()))
			}
			full = append(full, rpc.Name())
		}
	}
	if strings.Contains(name, "/") {
		short = full
	}
	if hint := diag.DidYouMean("RPCs", name, short); hint != "" {
		return "; " + hint
	}
	return ""
}

// Name is the RPC's full name, such as shop.v1.StorefrontService/GetProduct; that of an internal one has the name of its
// binding before it.
func (r *RPC) Name() string {
	name := Procedure(r.Method)
	if r.Binding != "" {
		return r.Binding + ":" + name
	}
	return name
}

// Procedure is a method's name on the wire, without the slash that it begins with.
func Procedure(method protoreflect.MethodDescriptor) string {
	return string(method.Parent().FullName()) + "/" + string(method.Name())
}
