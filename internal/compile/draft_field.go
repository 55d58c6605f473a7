package compile

import (
	"strings"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

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
	if descriptor.Kind() != protoreflect.EnumKind {
		return false
	}
	zero := descriptor.Enum().Values().ByNumber(0)
	return zero != nil && strings.HasSuffix(string(zero.Name()), "UNSPECIFIED")
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
