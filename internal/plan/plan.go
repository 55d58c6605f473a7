// Package plan is for what is left of a project when every check has passed: contract and bindings as frozen data. It is
// the only thing that runs. It can be printed, and every part of it knows where it stands in the author's files.
//
// compile builds a Plan; after that nothing changes it, so it is safe for concurrent use.
package plan

import (
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
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
}

// Server holds the settings of the listener, with defaults filled in.
type Server struct {
	Listen string
	// MaxRequestBytes bounds a request message.
	MaxRequestBytes int
	MaxTimeout      time.Duration
	DrainTimeout    time.Duration
}

// Upstream holds the settings of one upstream. A zero number means the default of package upstreams.
type Upstream struct {
	Name           string
	BaseURL        string
	Timeout        time.Duration
	MaxAnswerBytes int64
	MaxConnections int
	Headers        []Header
	Credential     Credential
	Breaker        Breaker
	At             diag.Position
}

// Header is a header with a fixed value.
type Header struct{ Name, Value string }

// Credential says which secret signs each request, and how; the zero Credential signs nothing. It holds no secret.
type Credential struct {
	// Header is the header's name; empty means Authorization: Bearer.
	Header string
	// Env or File says where the secret is.
	Env, File string
	At        diag.Position
}

// Breaker holds the settings of a circuit breaker.
type Breaker struct {
	FailureRatio    float64
	MinRequests     int
	Window, OpenFor time.Duration
}

// Service is one bound service.
type Service struct {
	Descriptor protoreflect.ServiceDescriptor
	// RPCs are in the order of the binding file.
	RPCs []*RPC
}

// RPC is one bound RPC.
type RPC struct {
	Method protoreflect.MethodDescriptor
	// Timeout bounds the RPC besides the client's deadline and the server's MaxTimeout; 0 for none.
	Timeout time.Duration
	// Calls are in the order of the binding; a call's index is its identity.
	Calls []*Call
	// Response fills the response message.
	Response projection.Response
	// PartialField is the number of the response's field of type sheaf.v1.Partial, or 0.
	PartialField protowire.Number
	// Sources say where each field of the response comes from, in the order of the binding.
	Sources []Source
	At      diag.Position
}

// MaxCalls is the largest number of upstream calls that the RPC can cause.
func (r *RPC) MaxCalls() int { return len(r.Calls) }

// Call is one HTTP request to an upstream.
type Call struct {
	Name     string
	Upstream string
	// Method is an HTTP method in upper case.
	Method string
	Path   *urltemplate.Template
	// PathValues are the operands of the path's holes, in their order.
	PathValues []projection.Operand
	// RequestHoles are the indices of the holes whose values come from the request alone, so that a value that no path can
	// hold is refused before any upstream is touched.
	RequestHoles []int
	Query        []Parameter
	Headers      []Parameter
	// Body is nil for none.
	Body     *projection.Body
	Optional bool
	// Timeout bounds the call: the shortest of its own, its upstream's and its RPC's; 0 if the files name
	// none.
	Timeout  time.Duration
	AbsentOn []int
	// Needs are the indices of the calls whose answers this one's inputs come from, ascending; PathNeeds those among them
	// that its path comes from, without which it cannot be made.
	Needs, PathNeeds []int
	// NeededBy are the indices of the calls that need this one, ascending.
	NeededBy []int
	// Shape says what is needed of the answer.
	Shape *projection.Shape
	// Fields are the paths of the response fields that come from the answer, in the order of the binding.
	Fields []string
	At     diag.Position
}

// Parameter is a query parameter or a header.
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

// Find returns the RPC with a name such as shop.v1.StorefrontService/GetProduct, or such as GetProduct where only one
// service has it, or nil.
func (p *Plan) Find(name string) *RPC {
	var found *RPC
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			switch name {
			case rpc.Name():
				return rpc
			case string(rpc.Method.Name()):
				if found != nil {
					return nil
				}
				found = rpc
			}
		}
	}
	return found
}

// Suggest is what to say besides that an RPC of this name is unknown; empty if there is nothing helpful.
func (p *Plan) Suggest(name string) string {
	var short, full []string
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			short = append(short, string(rpc.Method.Name()))
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

// Name is the RPC's full name, such as shop.v1.StorefrontService/GetProduct.
func (r *RPC) Name() string {
	return string(r.Method.Parent().FullName()) + "/" + string(r.Method.Name())
}
