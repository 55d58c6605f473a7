package projection

import (
	"fmt"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// TestParts: an expression that is given only the parts it selects gives what it gives of all of the answer.
func TestParts(t *testing.T) {
	t.Parallel()
	base, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	env, err := base.With(expr.Variable{Name: "x", Type: cel.DynType})
	if err != nil {
		t.Fatal(err)
	}
	documents := []string{
		`{}`, `null`, `1`, `"a"`, `[1]`, `{"a": 1}`, `{"a": null}`, `{"a": {"b": 2}}`, `{"a": {"b": null}}`, `{"a": "text"}`, `{"a": [1]}`, `{"a": {"b": {"c": 3}}, "d": [{"b": 1}, {"b": 2}]}`,
		`{"d": [3, 1, 2], "a": {"b": 1.5, "c": true}}`, `{"a": {"b": {"c": {"d": 1}}, "b2": 1}, "d": {}}`, `{"\u0061": {"b": "\u0062"}, "d": "b"}`, `{"a": {"b": false}, "d": null}`,
	}
	partly := 0
	for _, text := range []string{
		`x.a`, `x.a.b`, `x.a.b / 100`, `has(x.a)`, `has(x.a.b)`, `has(x.a.b) && x.a.b == 2`, `x.?a.?b.orValue(7)`, `x.?a.b`, `x.a.?b.c`, `x.a == x.a.b`, `x.a.b == x.d`, `has(x.a) ? x.a.b : x.d`, `size(x.a)`, `x.a.b.c.d`, `x.a["b"]`, `x.a[x.d]`,
		`x.d.map(i, i.b)`, `x.d.exists(i, i == x.a.b)`, `x.d.sortBy(i, i)`, `x.d.map(x, x.b)`, `x.d[0].b`, `x.d[?0]`, `[x.a, x.d]`, `{"r": x.a}.r`, `x.a.b + x.d`, `string(x.a.b)`, `x == x.a`, `x["a"]`, `x.exists(k, k == "a")`, `x.map(k, x[k]).size()`, `size(x) + x.a.b`,
		`has(x.a.b.c) || has(x.d)`, `"b" in x.a`, `"a" in x`, `x.a.all(k, has(x.d))`, `type(x.a) == map`, `type(x) == map`, `x.d.filter(i, i != x.a.b).sortBy(i, i)[0]`,
	} {
		program, mistakes := env.Compile(text)
		if mistakes != nil {
			t.Fatalf("%s: %v", text, mistakes[0])
		}
		parts := program.PartsOf("x")
		if parts != nil {
			partly++
		}
		for _, document := range documents {
			if got, want := evaluated(t, program, document, parts), evaluated(t, program, document, nil); got != want {
				t.Errorf("%s of %s, by %v, is %s, want %s", text, document, parts, got, want)
			}
		}
	}
	if partly != 31 {
		t.Errorf("%d expressions need only parts, want 31", partly)
	}
}

// evaluated is what an expression gives of a document of which parts are kept, or all.
func evaluated(t *testing.T, program *expr.Program, text string, parts [][]string) string {
	t.Helper()
	shape := NewShape()
	name := Name{Kind: AnswerName, Place: Place{Loop: -1}}
	name.Place.Slot, name.Parts = shape.Root().KeepParts(parts)
	document, err := shape.Scan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	computed := &Computed{Program: program, Names: map[string]Name{"x": name}}
	value, err := computed.Value(&Scope{Context: t.Context(), Answers: []*Document{document}})
	said, _, _ := strings.Cut(fmt.Sprint(err), ": invalid qualifier type")
	return fmt.Sprintf("%c %s, %s", value.kind, value.raw, said)
}

// TestPartsAreKept: of an object of which an expression needs parts only these are kept, unless something else needs all of it.
func TestPartsAreKept(t *testing.T) {
	t.Parallel()
	shape := NewShape()
	slot, parts := shape.Root().KeepParts([][]string{{"a", "b"}, {"c"}})
	document, err := shape.Scan([]byte(`{"a": {"b": "bb", "x": "long"}, "c": [1], "d": "long"}`))
	if err != nil {
		t.Fatal(err)
	}
	if document.found != len(`"bb"[1]`) || document.spans[slot].end != 0 || len(parts) != 2 {
		t.Errorf("found %d bytes, spans %v, parts %v", document.found, document.spans, parts)
	}
	shape.Root().Keep([]string{"a"})
	if document, err = shape.Scan([]byte(`{"a": {"b": "bb", "x": "long"}, "c": [1], "d": "long"}`)); err != nil {
		t.Fatal(err)
	}
	if document.found != len(`{"b": "bb", "x": "long"}[1]`) {
		t.Errorf("found %d bytes, spans %v", document.found, document.spans)
	}
}
