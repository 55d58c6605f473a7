package compile

import (
	"slices"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
	"github.com/sheaf-rpc/sheaf/internal/urltemplate"
)

// rpc is one RPC of a binding file.
type rpc struct {
	binding *source.Binding
	key     source.Field // its name and node
	message *configv1.Rpc
	method  protoreflect.MethodDescriptor
	// env knows request and the calls.
	env   *expr.Env
	calls []*call
	// fields are those of the response, in the order of the file.
	fields []*field
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
	// inputs are all operands that the call sends, those of the path included.
	inputs []*operand
	shape  *projection.Shape
	needs  []int
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
	// text and number are what the source is for sheaf plan, besides from.
	note string
	// children are the fields of a message, of each element, or the entries of a map.
	children []*field
	// mapKey is the key of each element (a leaf), or of an entry (its literal).
	mapKey *field
	// loop is the loop of an eachField.
	loop *loop
}

// loop is a name that stands for each element of a list.
type loop struct {
	name  string
	depth int
	// frame and call are where elements are kept if the list is found by a scan; frame is nil if it is evaluated.
	frame *projection.Frame
	call  int
	// origin is the path of an element in its answer, with [] for each index, and on which loops these lie.
	origin string
	loops  []int
	// typ is the element's type; calls are the answers that the list comes from.
	typ   *cel.Type
	calls []int
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
		if field.from != nil && field.kind != eachField {
			f(field)
		}
		leaves(field.children, f)
	}
}

// operands calls f for every operand of a field and of the fields below it.
func (f *field) operands(visit func(*operand)) {
	if f.from != nil {
		visit(f.from)
	}
	if f.mapKey != nil && f.mapKey.from != nil {
		visit(f.mapKey.from)
	}
	for _, child := range f.children {
		child.operands(visit)
	}
}

// names are the names of the calls in the order of the file.
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
