package expr_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// decoded gives a JSON document the name x, decoded as a whole before anything looks at it: the slow, obvious way.
type decoded string

func (d decoded) Resolve(name string) (any, bool) {
	decoder := jsontext.NewDecoder(bytes.NewBufferString(string(d)))
	return decode(decoder), name == "x"
}

func decode(decoder *jsontext.Decoder) ref.Val {
	token, err := decoder.ReadToken()
	if err != nil {
		return types.WrapErr(err)
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return types.NullValue
	case jsontext.KindTrue, jsontext.KindFalse:
		return types.Bool(token.Bool())
	case jsontext.KindString:
		return types.String(token.String())
	case jsontext.KindNumber:
		number, err := token.Float()
		if err != nil || number != math.Trunc(number) {
			return types.Double(number)
		}
		return types.Int(number)
	case jsontext.KindBeginObject:
		fields := map[string]any{}
		for decoder.PeekKind() != jsontext.KindEndObject {
			name, _ := decoder.ReadToken()
			key := name.String()
			if value := decode(decoder); value != types.NullValue {
				fields[key] = value
			}
		}
		_, _ = decoder.ReadToken()
		return types.NewStringInterfaceMap(types.DefaultTypeAdapter, fields)
	default:
		items := []ref.Val{}
		for decoder.PeekKind() != jsontext.KindEndArray {
			items = append(items, decode(decoder))
		}
		_, _ = decoder.ReadToken()
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
}

// looks are expressions that look at x in every way there is.
var looks = []string{
	`x`, `x.a`, `x.b`, `x.a.b`, `has(x.a)`, `has(x.b)`, `has(x.a.b)`, `x.?a.?b`, `x.?a.orValue(1)`, `x["a"]`, `x["b"]["a"]`, `x[0]`, `x.a[0]`, `x.a[0].b`, `x[1]`, `x[x.a]`,
	`"a" in x`, `"b" in x`, `1 in x`, `1 in x.a`, `x.a in x`, `size(x)`, `size(x.a)`, `x == x`, `x.a == x.b`, `x.a != x.b`, `x == {"a": 1}`, `{"a": 1} == x`, `x.a == [1, 2]`, `[x.a] == [x.b]`, `x.a == {}`, `{} == x.a`,
	`x.exists(k, k == "a")`, `x.all(k, k != "b")`, `x.map(k, k).size()`, `x.filter(k, x[k] == 1).size()`, `x.a.map(i, i.b)`, `x.a.exists(i, i == 1)`, `x.exists_one(k, has(x.b))`,
	`x.a + x.b`, `x.a < x.b`, `x.a ? 1 : 2`, `type(x)`, `type(x.a) == map`, `dyn(x) == x.a`, `x.a.b.c.d`, `x["\u00e9"]`, `x["k 17"]`, `has(x.a) && x.a == 1 || has(x.b)`, `x.m`, `x.m.n == x.m["n"]`, `x.k.size() + x.k.size()`, `{"r": x}.r.a`, `[x, x][1].b`, `string(x.a)`, `optional.of(x).?a`,
}

// TestObject: whatever an expression looks at, and however often others have looked before it, it sees what it would see of the
// document as a whole.
func TestObject(t *testing.T) {
	t.Parallel()
	members := make([]string, 40)
	for i := range members {
		members[i] = fmt.Sprintf(`"k %d": {"b": %d}`, i, i)
	}
	large := `{` + strings.Join(members, ",") + `, "a": 1, "b": {"a": 1}}`
	programs := map[string]*expr.Program{}
	for _, look := range looks {
		programs[look] = compiled(t, look)
	}
	for _, document := range []string{
		`{}`, `[]`, `1`, `"a"`, `true`, `null`, `{"a": 1}`, `{"a": 1, "b": 1}`, `{"a": null, "b": 2}`, `{"b": {"a": 1}, "a": "b"}`, `{"a": {"b": 1}, "b": {"b": 1}}`, `{"a": {"b": 1}, "b": {"b": 2}}`,
		`{"a": [1, 2]}`, `{"a": [{"b": 1}, {"b": 1.5}], "b": [{"b": 1}, {"b": 1.5}]}`, `[{"a": 1}, {"a": 2}]`, `{"a": true}`, `{"\u0061": 1, "é": 2, "\u0062": "\u00e9"}`, `{"a": {}, "b": {}}`,
		`{"m": {"n": {"o": [null, {"p": null}]}}, "a": {"b": {"c": {"d": "x"}}}}`, large, `{"a": ` + large + `, "b": ` + large + `}`, `{"a": "x", "b": ""}`, `{"a": 1.0, "b": 1}`, `{"k": {"x": 1, "y": 2}}`,
	} {
		for _, first := range []string{``, `x.a`, `has(x.b)`, `size(x)`} {
			shared := sharing{expr.NewJSON([]byte(document))}
			if first != "" {
				_, _, _ = programs[first].Eval(t.Context(), shared)
			}
			for _, look := range looks {
				program := programs[look]
				got, outcome, err := program.Eval(t.Context(), shared)
				want, wantOutcome, wantErr := program.Eval(t.Context(), decoded(document))
				if outcome != wantOutcome {
					t.Errorf("%s of %s: %v (%v), want %v (%v)", look, document, outcome, err, wantOutcome, wantErr)
				} else if outcome == expr.Found && got.Equal(want) != types.True {
					t.Errorf("%s of %s = %v, want %v", look, document, got, want)
				}
				if err != nil && withoutTypes(err) != withoutTypes(wantErr) {
					t.Errorf("%s of %s: %v, want %v", look, document, err, wantErr)
				}
			}
		}
	}
}

// withoutTypes is an error without the names of Go's types, with which CEL's errors of indices end.
func withoutTypes(err error) string {
	text, _, _ := strings.Cut(fmt.Sprint(err), ": invalid qualifier type")
	return text
}

// compiled is an expression over x.
func compiled(t *testing.T, text string) *expr.Program {
	t.Helper()
	program, mistakes := env(t).Compile(text)
	if mistakes != nil {
		t.Fatalf("%s: %v", text, mistakes[0])
	}
	return program
}

// sharing gives one value the name x, again and again.
type sharing struct{ value *expr.JSON }

func (s sharing) Resolve(name string) (any, bool) { return s.value, name == "x" }
