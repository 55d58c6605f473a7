package expr_test

import (
	"testing"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// texted gives a text the name x.
type texted string

func (t texted) Resolve(name string) (any, bool) { return string(t), name == "x" }

// FuzzText gives any text to every function that reads one: it panics nowhere, and entities lie within the text, in order,
// on the borders of characters.
func FuzzText(f *testing.F) {
	base, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		f.Fatal(err)
	}
	named, err := base.With(expr.Variable{Name: "x", Type: cel.StringType})
	if err != nil {
		f.Fatal(err)
	}
	var programs []*expr.Program
	for _, text := range []string{
		`time.parse(x)`, `url.encode(x)`, `url.decode(x)`, `url.host(x)`, `url.path(x)`, `url.param(x, "a")`, `link.rel(x, "next")`, `urn.part(x, 1)`,
		`x.afterLast(":")`, `x.beforeFirst(":")`, `x.graphemes()`, `x.utf16()`, `x.utf8()`, `x.weighted(23, [[0, 4351]])`, `x.emoji()`,
		`x.truncate(3)`, `html.escape(x)`, `html.text(x)`, `base64url.encode(x)`, `base64url.decode(x)`, `hash.sha256(x)`,
		`json.parse(x)`, `x.escape("(") + x.unescape("(")`,
	} {
		program, mistakes := named.Compile(text)
		if program == nil {
			f.Fatalf("%s: %v", text, mistakes)
		}
		programs = append(programs, program)
	}
	entities, mistakes := named.Compile(`x.entities()`)
	if entities == nil {
		f.Fatal(mistakes)
	}
	for _, seed := range []string{
		"see https://example.com/a(b)), #tag @who.example", `<https://x/y?max_id=1>; rel="next", <z>; rel=prev`, "2024-09-12T23:17:39+0000",
		"👩‍👩‍👧é☀", "<p>a<br>b</p><script/>", `{"a": [1, null]}`, "urn:li:share:12", "%zz", "\xff#\xfe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, program := range programs {
			_, _, _ = program.Eval(t.Context(), texted(text)) // an error is an answer, too
		}
		value, outcome, err := entities.Eval(t.Context(), texted(text))
		if outcome != expr.Found {
			t.Fatalf("entities of %q: %v", text, err)
		}
		end := 0
		for _, entity := range value.Value().([]map[string]any) {
			from, to := entity["byteStart"].(int), entity["byteEnd"].(int)
			if from < end || to <= from || text[from:to] != entity["text"] || utf8.ValidString(text) && !utf8.ValidString(text[from:to]) {
				t.Errorf("%q has entity %v after byte %d", text, entity, end)
			}
			end = to
		}
	})
}
