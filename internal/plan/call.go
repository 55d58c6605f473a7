package plan

import (
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// Call is one step of an RPC: requests to an upstream, or to a callee in process.
type Call struct {
	Name string
	// Request is what an upstream is sent; nil for a callee.
	Request *Request
	// Callee is what is called in process; nil for an upstream.
	Callee *Callee
	// When is the condition without which the call is not made; nil for none.
	When projection.Operand
	// Each makes it one request for each element of a list, or for each chunk of one; nil for one request.
	Each *Each
	// Merged is set if the pages that it gets become one.
	Merged bool
	// Poll repeats the request until its answer says that something is done; nil for no repetition.
	Poll *Poll
	// Retry makes a request again that failed for certain reasons; nil for never.
	Retry    *Retry
	Optional bool
	// Warning is what clients are told if the optional call fails; empty for nothing.
	Warning string
	// Commit is set if what the RPC does is done once this call has succeeded.
	Commit bool
	// Timeout bounds the call: the shortest of its own, its RPC's and, where there are no retries, its upstream's; 0 if the
	// files name none.
	Timeout time.Duration
	// Tries is how many requests can become of one by the upstream's retries and hedging; at least 1.
	Tries int
	// Needs are the indices of the calls whose answers this one's inputs come from, ascending; PathNeeds those among them
	// that its path comes from, without which it cannot be made.
	Needs, PathNeeds []int
	// NeededBy are the indices of the calls that need this one, ascending.
	NeededBy []int
	// Behind is the length of the longest chain of calls that wait for this one.
	Behind int
	// Shape says what is needed of the answer; Meta, what of its status, headers and error; About, what of an answer is
	// needed to judge it.
	Shape, Meta, About *projection.Shape
	// Fields are the paths of the response fields that come from the answer, in the order of the binding.
	Fields []string
	// Sent are the request fields that are sent, by the names that the target has for them.
	Sent map[string][]Sent
	At   diag.Position
}

// Sent is a request field that fills a field of a target's, if From has a value.
type Sent struct {
	// Field is the path of the request field. The index of an element of the list of Each stands as [].
	Field string
	From  projection.Operand
}

// Request is what an upstream is sent.
type Request struct {
	Upstream string
	// Method is an HTTP method in upper case.
	Method string
	Path   *urltemplate.Template
	// Route is the method and the path with holes unfilled, such as "GET /products/{id}".
	Route string
	// PathValues are the operands of the path's holes, in their order.
	PathValues []projection.Operand
	// RequestHoles are the indices of the holes whose values come from the request alone, so that a value that no path can
	// hold is refused before any upstream is touched.
	RequestHoles []int
	Query        *projection.Query // nil for none
	Headers      []Parameter
	// Forward are the client's headers that are sent on.
	Forward []string
	// Body, Form or Bytes is the body; all are nil for none.
	Body  *projection.Body
	Form  *projection.Form
	Bytes projection.Operand
	// Repeatable is set if the upstream takes the request twice as once. A GET is repeatable anyway.
	Repeatable bool
	// Base64 is set if Bytes gives its bytes in base64.
	Base64   bool
	AbsentOn []int
}

// Callee is a bound RPC, or a function of the program around.
type Callee struct {
	// Method is the RPC's; nil for a function, whose name is Function.
	Method        protoreflect.MethodDescriptor
	Function      string
	Input, Output protoreflect.MessageDescriptor
	// Request fills the request message.
	Request projection.Response
	// From decides which binding is called: its text is looked up in Table, and Otherwise holds for any other. Without it,
	// Otherwise is the binding; empty for the public one.
	From      projection.Operand
	Table     map[string]string
	Otherwise string
	// Reaches are the RPCs that can be called.
	Reaches []*RPC
}

// Each is a list for whose elements, or chunks of elements, requests are made.
type Each struct {
	Loop *projection.Loop
	// Key is what tells elements apart.
	Key projection.Operand
	// Max bounds the number of elements, and Concurrency the requests under way.
	Max, Concurrency int
	// Batch is the number of elements in one request; 0 for a request for each.
	Batch int
	// Items is the list in each answer of a batch.
	Items projection.Operand
}

// Poll repeats a request.
type Poll struct {
	// Done and Failed are conditions on an answer; Failed may be nil.
	Done, Failed projection.Operand
	// Every is the time between two requests, unless EveryFrom has another for the answer at hand; it may be nil.
	Every     time.Duration
	EveryFrom projection.Operand
	Max       int
}

// Retry makes a request again.
type Retry struct {
	On    []Reason
	After time.Duration
	// Max is the most requests, the first one included.
	Max int
}

// Upstream is the name of the call's upstream, or of what it reaches in process.
func (c *Call) Upstream() string {
	switch {
	case c.Request != nil:
		return c.Request.Upstream
	case c.Callee.Method != nil:
		return Procedure(c.Callee.Method)
	default:
		return c.Callee.Function
	}
}

// MaxCalls is the largest number of upstream calls that the call can cause. Renewed credentials do not count.
func (c *Call) MaxCalls() int {
	number := max(c.Tries, 1)
	if c.Callee != nil {
		number = 0
		for _, rpc := range c.Callee.Reaches {
			number = max(number, rpc.ownCalls())
		}
	}
	if c.Retry != nil {
		number *= c.Retry.Max
	}
	if c.Poll != nil {
		number *= c.Poll.Max
	}
	switch {
	case c.Each == nil:
	case c.Each.Batch > 0:
		number *= (c.Each.Max + c.Each.Batch - 1) / c.Each.Batch
	default:
		number *= c.Each.Max
	}
	return number
}

// MaxCalls is the largest number of upstream calls that the RPC can cause when a client calls it: whichever route takes the request, and
// with all that run in the shadow.
func (r *RPC) MaxCalls() int {
	number, shadows := r.ownCalls(), 0
	for _, route := range r.Routes {
		if route.Shadow {
			shadows += route.answer(r).ownCalls()
		} else {
			number = max(number, route.answer(r).ownCalls())
		}
	}
	return number + shadows
}

func (r *RPC) ownCalls() int {
	number := 0
	for _, call := range r.Calls {
		number += call.MaxCalls()
	}
	return number
}
