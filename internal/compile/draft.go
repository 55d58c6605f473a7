package compile

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// rpc is one RPC of a binding file.
type rpc struct {
	index   int // among all RPCs of the draft
	binding *source.Binding
	key     source.Field // its name and node
	message *configv1.Rpc
	method  protoreflect.MethodDescriptor
	// env knows request, the calls and what else is declared for all of the RPC.
	env   *expr.Env
	calls []*call
	// documents are the names that stand for JSON documents: call, answers.call, page, ...
	documents map[string]*document
	lets      []*let
	require   []requirement
	// fields are those of the response, in the order of the file.
	fields            []*field
	headers, trailers []parameter
	pages             *pages
	account           *operand
}

// document is a JSON document that a name stands for while an RPC runs.
type document struct {
	// index is its place in the scope's answers.
	index int
	shape *projection.Shape
	// calls are the calls that have to have ended before it exists, ascending.
	calls []int
	// message is what it is made of, if that is known before the first request.
	message protoreflect.MessageDescriptor
	// list is set if it is a list of messages; entry, if it is a list of entries of a call with each.
	list  bool
	entry *entry
}

// entry is what the entries of a call with each hold, as far as it is known before the first request.
type entry struct {
	key, value protoreflect.MessageDescriptor
}

// let is a name for an expression. One that is a plain path of a document stands for it; any other is computed.
type let struct {
	name  string
	path  *expr.Path
	from  *operand
	index int // among those that are computed
}

type requirement struct {
	that, message *operand
	field, reason string
	at            *source.Node
}

// pages is how an RPC is paged.
type pages struct {
	message                       *configv1.Pages
	at                            source.Field
	next                          *operand
	size, token, nextToken        protoreflect.FieldDescriptor
	defaultSize, minSize, maxSize int
	merge                         *merge
}

// call is one call of an RPC.
type call struct {
	index    int
	key      source.Field
	message  *configv1.Call
	method   string // upper case
	target   *source.Node
	upstream string
	path     *urltemplate.Template
	holes    []*operand // of the path
	query    []parameter
	headers  []parameter
	body     *projection.Body
	form     *projection.Form
	bytes    *operand
	callee   *callee
	when     *operand
	each     *eachCall
	poll     *poll
	// inputs are all operands that the call sends, those of the path included, and those that decide whether it is made.
	inputs []*operand
	// answer is the answer at hand, for the expressions of the call about it.
	answer *document
	needs  []int
	// sent are the request fields that are sent, by the target's name for them.
	sent map[string][]plan.Sent
}

// gives is the document that the call's name stands for.
func (c *call) gives(r *rpc) *document { return r.documents[c.key.Key] }

// callee is what a call reaches in process: a bound RPC or a function.
type callee struct {
	method        protoreflect.MethodDescriptor // nil for a function
	function      string
	input, output protoreflect.MessageDescriptor
	fields        []*field
	whole         *operand
	// fixed is the name of the binding; table and otherwise are by the text of from.
	fixed     string
	from      *operand
	table     map[string]string
	otherwise string
	bindingAt *source.Node
	// reaches are the RPCs that the call can reach.
	reaches []*rpc
}

// eachCall is a call for each element, or each chunk, of a list.
type eachCall struct {
	loop  *loop
	key   *operand
	batch bool
	items *operand
	max   int
}

type poll struct {
	done, failed, everyFrom *operand
}

type parameter struct {
	name string
	at   *source.Node
	from *operand
}

// callNames are the names of the calls in the order of the file.
func (r *rpc) callNames() []string {
	names := make([]string, len(r.calls))
	for i, call := range r.calls {
		names[i] = call.key.Key
	}
	return names
}

func (r *rpc) callNamed(name string) *call {
	for _, call := range r.calls {
		if call.key.Key == name {
			return call
		}
	}
	return nil
}
