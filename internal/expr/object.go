package expr

import (
	"reflect"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/rawjson"
)

// object is a JSON object in CEL. Single members are looked for in its text, no further than they stand; what goes over all of
// them takes the object apart.
type object struct {
	adapter  adapter
	document *JSON

	mu sync.Mutex
	// walk is how far the object has been read, and passed the members up to there.
	walk   rawjson.Walk
	passed []passed
	// all is the object with all of its members; nil as long as nobody needed them.
	all traits.Mapper
}

// passed is a member of an object. Its value is nil as long as nobody asked for it.
type passed struct {
	name, raw []byte
	value     *JSON
}

// maxPassed is how many members are looked through one by one. In an object of more they are looked up.
const maxPassed = 16

func newObject(a adapter, document *JSON) *object {
	return &object{adapter: a, document: document, walk: rawjson.Over(document.raw)}
}

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, isText := key.(types.String)
	if !isText {
		return nil, false
	}
	value, all := o.member(string(name))
	switch {
	case all != nil:
		return all.Find(key)
	case value == nil:
		return nil, false
	default:
		return o.adapter.NativeToValue(value), true
	}
}

// FindStringKey is what CEL asks first where a selection stands in an expression.
func (o *object) FindStringKey(name string) (any, bool) {
	return o.Find(types.String(name))
}

// member is a member's value; nil if there is none. Once the object is taken apart, it returns that instead.
func (o *object) member(name string) (*JSON, traits.Mapper) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all != nil {
		return nil, o.all
	}
	for i := range o.passed {
		if string(o.passed[i].name) == name {
			return o.valueOf(&o.passed[i]), nil
		}
	}
	if o.passed == nil {
		const usual = 6
		o.passed = make([]passed, 0, usual)
	}
	for o.walk.Next() {
		o.passed = append(o.passed, passed{name: rawjson.Unquoted(o.walk.Name), raw: o.walk.Value})
		last := &o.passed[len(o.passed)-1]
		if string(last.name) == name {
			return o.valueOf(last), nil
		}
		if len(o.passed) == maxPassed {
			return nil, o.takeApart()
		}
	}
	return nil, nil
}

// valueOf is nil for null.
func (o *object) valueOf(member *passed) *JSON {
	if member.value == nil && !isNull(member.raw) {
		member.value = &JSON{raw: member.raw, depth: o.document.depth + 1}
	}
	return member.value
}

func isNull(raw []byte) bool { return jsontext.Value(raw).Kind() == jsontext.KindNull }

// whole is the object with all of its members.
func (o *object) whole() traits.Mapper {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.takeApart()
	}
	return o.all
}

func (o *object) takeApart() traits.Mapper {
	fields := map[string]any{}
	var made inside
	for i := range o.passed {
		if value := o.valueOf(&o.passed[i]); value != nil {
			fields[string(o.passed[i].name)] = value
		}
	}
	for o.walk.Next() {
		if !isNull(o.walk.Value) {
			fields[string(rawjson.Unquoted(o.walk.Name))] = made.add(o.document, o.walk.Value)
		}
	}
	o.all, o.passed = types.NewStringInterfaceMap(o.adapter, fields), nil
	return o.all
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	_, found := o.Find(key)
	return types.Bool(found)
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	value, found := o.Find(key)
	if !found {
		return types.ValOrErr(value, "no such key: %v", key)
	}
	return value
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(to ref.Type) ref.Val {
	if to == types.MapType {
		return o
	}
	return o.whole().ConvertToType(to)
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.MapType }

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(to reflect.Type) (any, error) {
	return o.whole().ConvertToNative(to) //nolint:wrapcheck // it is CEL's own
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	if same, isObject := other.(*object); isObject {
		return o.whole().Equal(same.whole())
	}
	return o.whole().Equal(other)
}

// Value implements ref.Val.
func (o *object) Value() any { return o.whole().Value() }

// Iterator implements traits.Iterable.
func (o *object) Iterator() traits.Iterator { return o.whole().Iterator() }

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return o.whole().Size() }

// Fold implements traits.Foldable.
func (o *object) Fold(folder traits.Folder) {
	if all, ok := o.whole().(traits.Foldable); ok {
		all.Fold(folder)
	}
}

// IsZeroValue implements traits.Zeroer.
func (o *object) IsZeroValue() bool { return o.whole().Size() == types.IntZero }
