package compile

import (
	"slices"

	"cel.dev/cel-go/cel"
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

// operand is an expression with its place, and what is known about it.
type operand struct {
	projection.Operand
	// at is the node that it stands in, from byte offset on.
	at            *source.Node
	offset, width int
	// typ is what it gives, as far as is known before the first request.
	typ *cel.Type
	// calls are the indices of the calls whose answers it reads, ascending.
	calls []int
	// message is what it gives, if that is a message that is known before the first request; list is set for a list of them.
	message protoreflect.MessageDescriptor
	list    bool
	// entry is what entries hold, if it is a list of them.
	entry *entry
	// firstOf are the alternatives of a $first.
	firstOf []*operand
}

// selections are the names and paths that the operand reads, such as request.text.
func (o *operand) selections() []string { return selectionsOf(o.Operand) }

func selectionsOf(o projection.Operand) []string {
	switch o := o.(type) {
	case *projection.Answer:
		return []string{o.Path.String()}
	case *projection.Request:
		return []string{o.Path.String()}
	case *projection.LoopField:
		return []string{o.Path.String()}
	case *projection.Guarded:
		return selectionsOf(o.From)
	case *projection.Computed:
		return o.Program.Selections
	case *projection.Text:
		var all []string
		for _, part := range o.Parts {
			if part.Hole != nil {
				all = append(all, selectionsOf(part.Hole)...)
			}
		}
		return all
	case *projection.First:
		var all []string
		for _, one := range o.Of {
			all = append(all, selectionsOf(one)...)
		}
		return all
	default:
		return nil
	}
}

func (o *operand) constant() bool { return len(o.calls) == 0 }

// addCall notes that the operand reads an answer.
func (o *operand) addCall(index int) {
	if at, found := slices.BinarySearch(o.calls, index); !found {
		o.calls = slices.Insert(o.calls, at, index)
	}
}

// fieldKind says how a field of the response is filled.
type fieldKind int

const (
	leafField     fieldKind = iota // one value
	listField                      // the elements of a JSON list
	entriesField                   // the members of a JSON object
	messageField                   // a tree of fields
	eachField                      // one element for each element of a list
	mapField                       // a tree of entries
	copiedMessage                  // a message of the same type from the request
	joinField                      // the element of a list that has a key
	concatField                    // the elements of several parts
	chooseField                    // the member of a oneof that a value decides on
)

// field is one field of the response, an element of one, or an entry of a map, and where it comes from.
type field struct {
	kind fieldKind
	// descriptor is the contract's field; of the entry's value for an entry of a map.
	descriptor protoreflect.FieldDescriptor
	// element is set if it stands for an element of a repeated field, or for a key or value of a map.
	element bool
	path    string
	key     source.Field
	from    *operand
	// fallback is the literal after $default.
	fallback *projection.Constant
	encoding *projection.Encoding
	// note is what sheaf plan says of the source, besides from.
	note string
	// children are the fields of a message, of each element, or the entries of a map.
	children []*field
	// mapKey is the key of each element (a leaf), or of an entry (its literal).
	mapKey *field
	// loop is the loop of an eachField or a joinField, join its keys.
	loop *loop
	join *joinKeys
	// when is the condition without which the field is unset.
	when *operand
	// order is what a concatField is sorted by.
	order projection.Order
	// oneof and cases are those of a chooseField, $else among them.
	oneof protoreflect.OneofDescriptor
	cases map[string]*field
}

// joinKeys are the keys of a join: of an element, and of the place that asks.
type joinKeys struct{ element, place *operand }

// loop is a name that stands for each element of a list.
type loop struct {
	name  string
	depth int
	// list is what the loop goes over; nil for the chunks of a batch.
	list *operand
	// sources are the values that a list which is evaluated is made of.
	sources []projection.Operand
	// frame and document are where elements are kept if the list is found by a scan; frame is nil if it is evaluated.
	frame    *projection.Frame
	document int
	// origin is the path of an element in its answer, with [] for each index, and on which loops these lie.
	origin string
	loops  []int
	// typ is the element's type; calls are the answers that the list comes from.
	typ   *cel.Type
	calls []int
	// message is what an element is, if that is known before the first request; entry is what it holds, if it is one.
	message protoreflect.MessageDescriptor
	entry   *entry
	// where is the condition without which an element does not count.
	where *operand
}

// variable is the loop's name for expressions.
func (l *loop) variable() expr.Variable { return expr.Variable{Name: l.name, Type: l.typ} }

// hasValue reports whether the elements of a loop are values by themselves, written after $value.
func (f *field) hasValue() bool { return len(f.children) == 1 && f.children[0].key.Key == opValue }

// mayBeUnset reports whether a client can tell that the field has no value, or a value that says "not specified".
func (f *field) mayBeUnset() bool {
	if f.element {
		return false
	}
	if f.kind == chooseField {
		return true
	}
	return f.descriptor.HasPresence() || f.descriptor.IsList() || f.descriptor.IsMap() || hasUnspecified(f.descriptor)
}

func hasUnspecified(descriptor protoreflect.FieldDescriptor) bool {
	const suffix = "UNSPECIFIED"
	if descriptor.Kind() != protoreflect.EnumKind {
		return false
	}
	zero := descriptor.Enum().Values().ByNumber(0)
	return zero != nil && len(zero.Name()) >= len(suffix) && string(zero.Name()[len(zero.Name())-len(suffix):]) == suffix
}

// leaves calls f for every field below these that takes a value itself.
func leaves(fields []*field, f func(*field)) {
	for _, field := range fields {
		if field.from != nil && field.loop == nil && field.kind != chooseField {
			f(field)
		}
		leaves(field.children, f)
	}
}

// operands calls f for every operand of a field and of the fields below it.
func (f *field) operands(visit func(*operand)) {
	own := []*operand{f.from, f.when}
	if f.mapKey != nil {
		own = append(own, f.mapKey.from)
	}
	if f.loop != nil {
		own = append(own, f.loop.where)
	}
	if f.join != nil {
		own = append(own, f.join.element, f.join.place)
	}
	for _, operand := range own {
		if operand != nil {
			visit(operand)
		}
	}
	for _, child := range f.children {
		child.operands(visit)
	}
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
