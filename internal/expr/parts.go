package expr

import (
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Parts is a JSON object of which only those members are known that an expression selects (see Program.PartsOf).
type Parts interface {
	// Part is a member: a *JSON, or Parts again. It reports false if there is none.
	Part(name string) (any, bool)
}

// PartsOf are the paths of fields that the expression selects from what a name stands for. It is nil if the expression needs
// more of that than its parts.
func (p *Program) PartsOf(name string) [][]string {
	if strings.Contains(p.Text, "`") { // a field may have a dot in its name then
		return nil
	}
	var parts [][]string
	for _, chain := range p.Selections {
		fields := strings.Split(chain, ".")
		switch {
		case fields[0] != name:
		case len(fields) == 1:
			return nil
		default:
			parts = append(parts, fields[1:])
		}
	}
	return parts
}

// partial is Parts as a value in CEL, from which members can be selected. Whatever else there is to do with an object is an error,
// which nobody meets: an expression that does it is given all of the object.
type partial struct {
	*types.Err

	adapter types.Adapter
	parts   Parts
}

var errPartial = types.NewErr("object is known in parts only").(*types.Err)

// Find implements traits.Mapper.
func (p *partial) Find(key ref.Val) (ref.Val, bool) {
	name, isText := key.(types.String)
	if !isText {
		return nil, false
	}
	part, found := p.FindStringKey(string(name))
	if !found {
		return nil, false
	}
	return p.adapter.NativeToValue(part), true
}

// FindStringKey is what CEL asks first where a selection stands in an expression.
func (p *partial) FindStringKey(name string) (any, bool) { return p.parts.Part(name) }

// Contains implements traits.Container.
func (p *partial) Contains(key ref.Val) ref.Val {
	_, found := p.Find(key)
	return types.Bool(found)
}

// Get implements traits.Indexer.
func (p *partial) Get(key ref.Val) ref.Val {
	value, found := p.Find(key)
	if !found {
		return types.ValOrErr(value, "no such key: %v", key)
	}
	return value
}

// Type implements ref.Val.
func (p *partial) Type() ref.Type { return types.MapType }

// Size implements traits.Sizer.
func (p *partial) Size() ref.Val { return p.Err }

// Iterator implements traits.Iterable.
func (p *partial) Iterator() traits.Iterator {
	return types.NewDynamicList(p.adapter, []ref.Val{p.Err}).Iterator()
}
