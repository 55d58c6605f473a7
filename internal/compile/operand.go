package compile

import (
	"slices"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/projection"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

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
