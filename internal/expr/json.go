package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/rawjson"
)

// JSON is a valid JSON document, to be used as a value in CEL. Objects and lists are taken apart one level at a time, once,
// and only where an expression looks. A null is the same as a missing key. It is safe for concurrent use.
type JSON struct {
	raw   jsontext.Value
	depth int

	mu    sync.Mutex
	value ref.Val
}

// maxDepth bounds how deep expressions look, since comparing two documents looks at all of them on every level.
const maxDepth = 100

var errTooDeep = fmt.Errorf("value is nested deeper than %d levels", maxDepth)

// NewJSON is a document without space around it, which must not change.
func NewJSON(raw []byte) *JSON { return &JSON{raw: raw} }

// adapter turns JSON into CEL values, and leaves everything else to the types of the contract.
type adapter struct {
	*types.Registry
}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(value any) ref.Val {
	switch value := value.(type) {
	case *JSON:
		return a.document(value)
	case Parts:
		return &partial{Err: errPartial, adapter: a, parts: value}
	default:
		return a.Registry.NativeToValue(value)
	}
}

func (a adapter) document(document *JSON) ref.Val {
	document.mu.Lock()
	defer document.mu.Unlock()
	if document.value == nil {
		document.value = a.read(document)
	}
	return document.value
}

func (a adapter) read(document *JSON) ref.Val {
	switch document.raw.Kind() {
	case jsontext.KindNull:
		return types.NullValue
	case jsontext.KindTrue, jsontext.KindFalse:
		return types.Bool(document.raw.Kind() == jsontext.KindTrue)
	case jsontext.KindString:
		return types.String(rawjson.Unquoted(document.raw))
	case jsontext.KindNumber:
		return number(document.raw)
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		if document.depth == maxDepth {
			return types.WrapErr(errTooDeep)
		}
		if document.raw.Kind() == jsontext.KindBeginArray {
			return a.list(document)
		}
		return newObject(a, document)
	default:
		return types.NewErr("value is not JSON")
	}
}

func (a adapter) list(document *JSON) ref.Val {
	items := []*JSON{}
	var made inside
	for walk := rawjson.Over(document.raw); walk.Next(); {
		items = append(items, made.add(document, walk.Value))
	}
	return types.NewDynamicList(a, items)
}

// inside makes the values within a list or an object, more at a time the more there are.
type inside struct {
	free []JSON
	made int
}

func (i *inside) add(outer *JSON, raw []byte) *JSON {
	const least, most = 2, 64
	if len(i.free) == 0 {
		i.free = make([]JSON, min(max(i.made, least), most))
	}
	made := &i.free[0]
	i.free = i.free[1:]
	i.made++
	made.raw, made.depth = raw, outer.depth+1
	return made
}

// number is an int where the literal's value is a whole number that fits (so 20.0 is 20), a uint where only that holds
// it, and a double otherwise. A whole number that none of them holds exactly is an error, not a rounded value.
func number(raw []byte) ref.Val {
	if whole, ok := short(raw); ok {
		return types.Int(whole)
	}
	literal := string(raw)
	if whole, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return types.Int(whole)
	}
	if whole, err := strconv.ParseUint(literal, 10, 64); err == nil {
		return types.Uint(whole)
	}
	value, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return types.NewErr("number %.20s is out of range", literal)
	}
	if value != math.Trunc(value) {
		return types.Double(value)
	}
	if math.Abs(value) < 1<<53 {
		return types.Int(int64(value))
	}
	return types.WrapErr(errTooLarge)
}

var errTooLarge = errors.New("whole number is too large to compute with exactly")

// short is the value of a whole number of so few digits that nothing can go wrong.
func short(raw []byte) (int64, bool) {
	const digits = 18
	if len(raw) > digits {
		return 0, false
	}
	whole := int64(0)
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		whole = whole*10 + int64(c-'0')
	}
	return whole, true
}
