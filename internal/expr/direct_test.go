package expr_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// sides are names that stand for one of each thing that a policy knows: x for JSON, r for a message, m for texts by their names, s for a text.
type sides struct {
	document string
	// parts are those of the document that are known; nil for all.
	parts   [][]string
	message *descriptorpb.FieldDescriptorProto
	texts   map[string]string
	text    string
}

func (s *sides) Resolve(name string) (any, bool) {
	switch name {
	case "x":
		if s.parts != nil {
			return partOf(jsontext.Value(s.document), s.parts)
		}
		return expr.NewJSON([]byte(s.document)), s.document != ""
	case "r":
		return s.message, s.message != nil
	case "m":
		return s.texts, s.texts != nil
	case "s":
		return s.text, true
	default:
		return nil, false
	}
}

// known is an object in JSON of which only the parts at some paths are known.
type known struct {
	members map[string]jsontext.Value
	paths   [][]string
}

// partOf is a value of which only the parts at some paths are needed, as plans keep it.
func partOf(value jsontext.Value, paths [][]string) (any, bool) {
	isWhole := slices.ContainsFunc(paths, func(path []string) bool { return len(path) == 0 })
	switch {
	case len(value) == 0 || value.Kind() == jsontext.KindNull:
		return nil, false
	case value.Kind() == jsontext.KindBeginObject && !isWhole:
		members := map[string]jsontext.Value{}
		return known{members, paths}, json.Unmarshal(value, &members) == nil
	default:
		return expr.NewJSON(value), true
	}
}

// Part implements expr.Parts.
func (k known) Part(name string) (any, bool) {
	var below [][]string
	for _, path := range k.paths {
		if path[0] == name {
			below = append(below, path[1:])
		}
	}
	if below == nil {
		return nil, false
	}
	return partOf(k.members[name], below)
}

func sidesEnv(tb testing.TB) *expr.Env {
	tb.Helper()
	base, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	env, err := base.With(
		expr.Variable{Name: "x", Type: cel.DynType}, expr.Variable{Name: "r", Type: cel.ObjectType("google.protobuf.FieldDescriptorProto")},
		expr.Variable{Name: "m", Type: cel.MapType(cel.StringType, cel.StringType)}, expr.Variable{Name: "s", Type: cel.StringType},
	)
	if err != nil {
		tb.Fatal(err)
	}
	return env
}

// same compares a program with what CEL alone makes of it, also where no more of the document is known than it needs.
func same(tb testing.TB, program *expr.Program, names *sides) {
	tb.Helper()
	sameFor(tb, program, names)
	if parts := program.PartsOf("x"); parts != nil {
		inParts := *names
		inParts.parts = parts
		sameFor(tb, program, &inParts)
	}
}

func sameFor(tb testing.TB, program *expr.Program, names expr.Activation) {
	tb.Helper()
	got, outcome, err := program.Eval(tb.Context(), names)
	want, wanted, wrong := program.ByCEL().Eval(tb.Context(), names)
	isSame := outcome == wanted && fmt.Sprint(err) == fmt.Sprint(wrong) && (outcome != expr.Found || got.Equal(want) == types.True)
	if !isSame {
		tb.Errorf("%s is %v, %v, %v, and by CEL alone %v, %v, %v", program.Text, got, outcome, err, want, wanted, wrong)
	}
	if text, selected := program.Selected(names); selected && (wanted != expr.Found || want.Value() != text) {
		tb.Errorf("%s selects %q, and by CEL alone %v, %v, %v", program.Text, text, want, wanted, wrong)
	}
}

// directs are expressions that are tried without CEL.
var directs = []string{
	`true`, `x`, `x.a`, `x.a.b`, `s`, `m.a`, `r.name`, `r.options`, `r.number`, `has(x.a)`, `has(x.a.b)`, `has(r.name)`, `has(m.a)`,
	`has(x.a) && x.a`, `!x.a`, `!has(x.a) || x.a == "t"`,
	`x.a == "t"`, `"t" == x.a`, `x.a != "t"`, `x.a == x.b`, `x.a == s`, `s == "t"`, `r.name == x.a`, `r.name == "t" && "t" in x.l`,
	`m.a == "t"`, `m.a != x.a`, `m.z == "t"`,
	`"t" in x`, `"t" in x.l`, `"t" in x.a`, `x.a in ["t", "u"]`, `s in ["t"]`, `r.name in ["t"]`, `m.a in ["t", "v"]`, `x.b || x.a == "t"`,
	`x.a == "t" || x.b`, `x.missing == "t" || true`,
	`x.missing == "t" && false`, `r.default_value == ""`, `x.a == "" || x.b == "t"`, "x.`a-b` == \"t\"",
	`r.type_name == "t" && !(r.json_name == "t")`, `has(x.a.b.c) && x.a.b.c == "t"`,
	`x.a == 1`, `1 == x.a`, `x.a != 1.5`, `x.a == -1`, `x.a == 2u`, `x.a.b > 1`, `1 < x.a.b`, `x.a < x.b`, `x.a <= 2.5`, `x.a >= "t"`, `x.a > 2u`,
	`"t" <= x.a`, `x.a < true`, `x < 2`, `x.a < s`, `x.a < r.number`, `x.a == "t" && x.b > 1`,
}

// documents are what x may be.
var documents = []string{
	``, `null`, `"t"`, `true`, `{}`, `[]`, `{"a": "t"}`, `{"a": null, "b": true}`, `{"a": true, "b": "t"}`, `{"a": {"b": "t"}, "l": ["t"]}`,
	`{"a": "t", "b": "t", "l": ["s", "t", 1, null, {}]}`,
	`{"a": [1], "l": []}`, `{"a": {}, "l": {"t": 1}}`, `{"a": 1e400, "l": [1e400, "t"]}`, `{"l": [1e400], "a": "u", "b": false}`,
	`{"a-b": "t", "a": ["t"]}`, `["t"]`, `{"a": {"b": {"c": "t"}}}`,
	`1`, `{"a": 1, "b": 2}`, `{"a": 1.5, "b": 1}`, `{"a": -1, "b": "t"}`, `{"a": 2.0, "b": 18446744073709551615}`, `{"a": {"b": 2.5}}`, `{"a": 1e400, "b": 1}`,
	`{"a": 9007199254740993, "b": 9007199254740992.0}`, `{"a": 9007199254740993, "b": 9007199254740992.5}`, `{"a": {"b": null}, "b": []}`,
	`{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11,"12":12,"13":13,"14":14,"15":15,"16":16,"17":17,"a":"t","b":true,"l":["t"]}`,
}

// TestDirect: what is evaluated without CEL is what CEL would make of it, whatever the names stand for.
func TestDirect(t *testing.T) {
	t.Parallel()
	env := sidesEnv(t)
	messages := []*descriptorpb.FieldDescriptorProto{nil, {}, {Name: new("t"), Options: &descriptorpb.FieldOptions{}}, {Name: new("u"), JsonName: new("t")}}
	for _, text := range directs {
		program, mistakes := env.Compile(text)
		if mistakes != nil {
			t.Errorf("%s: %v", text, mistakes[0])
			continue
		}
		if !program.IsDirect() {
			t.Errorf("%s is left to CEL", text)
		}
		for _, document := range documents {
			for _, message := range messages {
				same(t, program, &sides{document: document, message: message, texts: map[string]string{"a": "t"}, text: "t"})
			}
		}
	}
}

// TestDirectAllocations: what is looked at again and again is there, and costs no memory.
func TestDirectAllocations(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	kept := keptSides{sides{texts: map[string]string{"a": "t"}}, expr.NewJSON([]byte(`{"a": "t", "b": true, "l": ["s", "t"], "n": 300}`))}
	for _, text := range []string{`x.a == "t" && "t" in x.l`, `has(x.c) && x.c`, `!(x.a in ["u"]) || x.b`, `m.a == x.a`, `x.n > 2 && x.n == 300`} {
		program, mistakes := sidesEnv(t).Compile(text)
		if mistakes != nil {
			t.Fatal(mistakes)
		}
		const runs = 100
		ctx, names := t.Context(), expr.Activation(&kept)
		if counted := testing.AllocsPerRun(runs, func() { _, _, _ = program.Eval(ctx, names) }); counted > 0 {
			t.Errorf("%s allocates %.0f times", text, counted)
		}
	}
}

// keptSides are sides with one document for all evaluations.
type keptSides struct {
	sides

	kept *expr.JSON
}

func (k *keptSides) Resolve(name string) (any, bool) {
	if name == "x" {
		return k.kept, true
	}
	return k.sides.Resolve(name)
}

// TestLeftToCEL: what is more than comparisons of texts is left to CEL.
func TestLeftToCEL(t *testing.T) {
	t.Parallel()
	env := sidesEnv(t)
	for _, text := range []string{
		`x.a == true`, `x.a == b"t"`, `x.?a`, `x["a"] == "t"`, `x.a.startsWith("t")`, `x.a in [1]`, `x.a in ["t", s]`, `x.l.exists(i, i == "t")`,
		`x.a ? true : false`, `size(x) == 1`, `x.a == "t" && x.b + 1 > 1`, `x.a < x.b - 1`,
		`r.label == google.protobuf.FieldDescriptorProto.Label.LABEL_REPEATED`, `[x.a] == ["t"]`, `"t" == "t"`, `x == {}`,
	} {
		if program, mistakes := env.Compile(text); mistakes != nil || program.IsDirect() {
			t.Errorf("%s is evaluated without CEL: %v", text, mistakes)
		}
	}
}

// author writes a condition as bytes say.
type author struct{ choices []byte }

func (a *author) choose(among int) int {
	if len(a.choices) == 0 {
		return 0
	}
	choice := int(a.choices[0]) % among
	a.choices = a.choices[1:]
	return choice
}

func (a *author) text() string {
	texts := []string{`"t"`, `x.a`, `x.b`, `x.a.b`, `s`, `m.a`, `m.b`, `r.name`, `r.json_name`, `""`, `x`, `x.l`}
	return texts[a.choose(len(texts))]
}

func (a *author) condition(depth int) string {
	if depth == 0 {
		return []string{`true`, `false`, `x.a`, `x.b`, `has(x.a)`, `has(x.a.b)`}[a.choose(6)]
	}
	switch a.choose(10) {
	case 0:
		return a.text() + ` == ` + a.text()
	case 1:
		return a.text() + ` != ` + a.text()
	case 2:
		return `"t" in ` + []string{`x.l`, `x`, `x.a`, `x.b`}[a.choose(4)]
	case 3:
		return a.text() + ` in ["t", "u"]`
	case 4:
		return `(` + a.condition(depth-1) + ` && ` + a.condition(depth-1) + `)`
	case 5:
		return `(` + a.condition(depth-1) + ` || ` + a.condition(depth-1) + `)`
	case 6:
		return `!(` + a.condition(depth-1) + `)`
	case 7:
		return a.number() + [...]string{` < `, ` <= `, ` > `, ` >= `}[a.choose(4)] + a.number()
	case 8:
		return a.number() + [...]string{` == `, ` != `}[a.choose(2)] + a.number()
	default:
		return a.condition(0)
	}
}

func (a *author) number() string {
	numbers := []string{`x.a`, `x.b`, `x.a.b`, `1`, `-1`, `2u`, `1.5`, `0.0`, `9007199254740993`, `r.number`, `"t"`, `true`, `x`}
	return numbers[a.choose(len(numbers))]
}

// FuzzDirect holds what is evaluated without CEL and what CEL makes of it together, for any condition and any document.
func FuzzDirect(f *testing.F) {
	env := sidesEnv(f)
	for i, document := range documents {
		f.Add([]byte(strings.Repeat(string(rune('a'+i)), i)), document, "t", i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, choices []byte, document, text string, isSet bool) {
		document = strings.TrimSpace(document) // values have no space around them where they are used
		if document != "" && !jsontext.Value(document).IsValid() {
			t.Skip()
		}
		const depth = 3
		program, mistakes := env.Compile((&author{choices}).condition(depth))
		if mistakes != nil {
			t.Skip() // of types that do not go together
		}
		names := &sides{document: document, message: &descriptorpb.FieldDescriptorProto{}, texts: map[string]string{"a": text}, text: text}
		if isSet {
			names.message.Name = new(text)
		}
		same(t, program, names)
	})
}
