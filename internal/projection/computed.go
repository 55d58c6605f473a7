package projection

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Computed evaluates a CEL expression.
type Computed struct {
	Program *expr.Program
	// Names says what each of the program's names stands for.
	Names map[string]Name
}

// Name is what a declared name stands for in an expression.
type Name struct {
	Kind NameKind
	// Place is where the whole value is kept, for AnswerName.
	Place Place
	// Parts are what the expression selects of it, if that is all; only they are kept then.
	Parts []Part
	// Loop is the loop's depth, for LoopName.
	Loop int
	// Let is the index in Scope.Lets, for LetName.
	Let int
}

// NameKind is what kind of thing a name stands for.
type NameKind int

// The kinds of names.
const (
	// RequestName is the request message.
	RequestName NameKind = iota
	// AnswerName is an answer, or an element of a list in one.
	AnswerName
	// LoopName is an element of a list that an expression gave.
	LoopName
	// LetName is a value of let.
	LetName
	// NowName is when the run began.
	NowName
	// RemainingName is how long the client still waits for the work at hand; it has no value if the client did not say.
	RemainingName
)

// Value implements Operand.
func (c *Computed) Value(scope *Scope) (Value, error) {
	result, ok, err := c.eval(scope)
	if err != nil || !ok {
		return Value{}, err
	}
	return celValue(result)
}

func (c *Computed) String() string { return c.Program.Text }

func (c *Computed) eval(scope *Scope) (ref.Val, bool, error) {
	result, outcome, err := c.Program.Eval(scope.Context, names{computed: c, scope: scope})
	return result, outcome == expr.Found, err
}

// names resolves the names of one expression in one scope.
type names struct {
	computed *Computed
	scope    *Scope
}

// Resolve implements expr.Activation.
func (n names) Resolve(name string) (any, bool) {
	meaning, known := n.computed.Names[name]
	if !known {
		return nil, false
	}
	switch meaning.Kind {
	case RequestName:
		return n.scope.Request.Interface(), true
	case LoopName:
		return n.scope.loops[meaning.Loop].value, true
	case LetName:
		value, ok, err := n.scope.Lets[meaning.Let].value(n.scope)
		if err != nil {
			return types.WrapErr(err), true
		}
		return value, ok
	case NowName:
		return n.scope.Now, true
	case RemainingName:
		return time.Until(n.scope.Until), n.scope.Awaited && !n.scope.Until.IsZero()
	default:
		value := n.scope.find(&meaning.Place)
		switch {
		case value.kind == kindBlocked:
			return types.WrapErr(errBlocked), true
		case value.Missing():
			return nil, false
		case len(meaning.Place.Rest) > 0:
			return expr.NewJSON(value.raw), true
		default:
			whole := Part{Slot: meaning.Place.Slot, Parts: meaning.Parts}
			return n.scope.document(meaning.Place.Call).part(n.scope.base(&meaning.Place), &whole)
		}
	}
}

var errNotJSON = errors.New("expression gave a value that has no JSON form")

// celValue turns the result of an expression into the JSON value that has the same meaning.
func celValue(result ref.Val) (Value, error) {
	switch value := result.(type) {
	case types.String:
		return plainString(string(value)), nil
	case types.Bytes:
		return plainString(base64.StdEncoding.EncodeToString(value)), nil
	case types.Timestamp:
		return plainString(value.UTC().Format(time.RFC3339Nano)), nil
	case types.Duration:
		text, err := durationText(durationpb.New(value.Duration))
		return plainString(text), err
	case types.Null:
		return Value{}, nil
	default:
		raw, err := appendCEL(nil, result)
		return jsonValue(raw), err
	}
}

// appendCEL appends the JSON text of an expression's result.
func appendCEL(dst []byte, result ref.Val) ([]byte, error) {
	switch value := result.(type) {
	case types.Bool:
		return strconv.AppendBool(dst, bool(value)), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(value), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(value), 10), nil
	case types.Double:
		if math.IsNaN(float64(value)) || math.IsInf(float64(value), 0) {
			return dst, errors.New("expression gave a number that is not finite")
		}
		return strconv.AppendFloat(dst, float64(value), 'g', -1, 64), nil
	case types.Null:
		return append(dst, "null"...), nil
	case *types.Optional:
		if !value.HasValue() {
			return append(dst, "null"...), nil
		}
		return appendCEL(dst, value.GetValue())
	case traits.Mapper:
		return appendCELMap(dst, value)
	case traits.Lister:
		return appendCELList(dst, value)
	case types.String, types.Bytes, types.Timestamp, types.Duration:
		text, err := celValue(value)
		if err != nil {
			return dst, err
		}
		return text.AppendJSON(dst)
	default:
		if message, ok := result.Value().(proto.Message); ok {
			return appendMessage(dst, message.ProtoReflect())
		}
		return dst, fmt.Errorf("%w: %s", errNotJSON, result.Type().TypeName())
	}
}

func appendCELList(dst []byte, list traits.Lister) ([]byte, error) {
	dst = append(dst, '[')
	first := true
	for it := list.Iterator(); it.HasNext() == types.True; {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var err error
		if dst, err = appendCEL(dst, it.Next()); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendCELMap writes the keys in their order as texts, so that the same map gives the same JSON.
func appendCELMap(dst []byte, object traits.Mapper) ([]byte, error) {
	type member struct {
		key   string
		value ref.Val
	}
	var members []member
	for it := object.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		text, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return dst, fmt.Errorf("%w: a map whose key is no text", errNotJSON)
		}
		members = append(members, member{key: string(text), value: object.Get(key)})
	}
	slices.SortFunc(members, func(a, b member) int { return compareText(a.key, b.key) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, m.key); err != nil {
			return dst, err
		}
		if dst, err = appendCEL(append(dst, ':'), m.value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
