package expr_test

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// answer gives one JSON document the name x.
type answer string

func (a answer) Resolve(name string) (any, bool) {
	return expr.NewJSON([]byte(a)), name == "x" && a != ""
}

func env(tb testing.TB) *expr.Env {
	tb.Helper()
	base, err := expr.NewEnv(&protoregistry.Files{})
	if err != nil {
		tb.Fatal(err)
	}
	named, err := base.With(expr.Variable{Name: "x", Type: cel.DynType})
	if err != nil {
		tb.Fatal(err)
	}
	return named
}

// TestNumbers: JSON's numbers keep their values, and whether one happens to be whole today changes nothing.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, json, want string }{
		{"x.a / 100", `{"a": 1999}`, "19"},
		{"x.a / 100", `{"a": 1999.5}`, "19.995"},
		{"x.a * 2", `{"a": 4.5}`, "9"},
		{"2 * x.a", `{"a": 4.5}`, "9"},
		{"x.a * 2.0", `{"a": 4}`, "8"},
		{"2.5 + x.a", `{"a": 4}`, "6.5"},
		{"x.a - x.b", `{"a": 1, "b": 0.5}`, "0.5"},
		{"x.a % 7", `{"a": 20.0}`, "6"},
		{"x.a + 1", `{"a": 9007199254740993}`, "9007199254740994"},
		{"x.a", `{"a": 18446744073709551615}`, "18446744073709551615"},
		{"x.a == 9007199254740993", `{"a": 9007199254740993}`, "true"},
		{"x.a < 1000.5", `{"a": 1000}`, "true"},
		{"x.a + 'b'", `{"a": "a"}`, "ab"},
		{"x.a + x.b", `{"a": [1], "b": [2]}`, ""},
		{"size(x.a + x.b)", `{"a": [1], "b": [2]}`, "2"},
		{"x.a.filter(i, i.n > 1).map(i, i.n)[0]", `{"a": [{"n": 1}, {"n": 2.5}]}`, "2.5"},
		{"has(x.a) ? 1 : 2", `{"a": null}`, "2"},
		{"has(x.a) ? 1 : 2", `{"a": false}`, "1"},
		{"x['odd-key']", `{"odd-key": 7}`, "7"},
	} {
		program, mistakes := env(t).Compile(test.text)
		if mistakes != nil {
			t.Errorf("%s: %v", test.text, mistakes[0])
			continue
		}
		value, outcome, err := program.Eval(t.Context(), answer(test.json))
		if outcome != expr.Found {
			t.Errorf("%s of %s: outcome %v, %v", test.text, test.json, outcome, err)
			continue
		}
		if test.want == "" {
			continue
		}
		text := value.ConvertToType(cel.StringType)
		if got, ok := text.Value().(string); !ok || got != test.want {
			t.Errorf("%s of %s = %v, want %s", test.text, test.json, text, test.want)
		}
	}
}

// TestOutcomes: what is missing is told from what is wrong.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, json string
		want       expr.Outcome
	}{
		{"x.a", `{}`, expr.Missing},
		{"x.a", `{"a": null}`, expr.Missing},
		{"x.a.b + 1", `{"a": {}}`, expr.Missing},
		{"x.a[3]", `{"a": [1]}`, expr.Missing},
		{"x.a", ``, expr.Missing},
		{"x.?a", `{}`, expr.Missing},
		{"x.a + 1", `{"a": "text"}`, expr.Failed},
		{"1 / x.a", `{"a": 0}`, expr.Failed},
		{"x.a + 1", `{"a": 1e400}`, expr.Failed},
		{"x.a + 1", `{"a": 123456789012345678901234567890}`, expr.Failed},
		{"timestamp(x.a)", `{"a": "yesterday"}`, expr.Failed},
		// A text where an object was is no absence, however carefully an expression looks.
		{"x.a.b + 1", `{"a": "text"}`, expr.Failed},
		{"x.a.b", `{"a": [1]}`, expr.Failed},
		{"has(x.a.b)", `{"a": 7}`, expr.Failed},
		{"x.?a.?b.orValue(0)", `{"a": true}`, expr.Failed},
		{"x.?a.orValue(0)", `"text"`, expr.Failed},
		{"x.?a.b", `{"a": null}`, expr.Missing},
		{"has(x.a.b) ? 1 : x.c", `{"a": {}}`, expr.Missing},
	} {
		program, mistakes := env(t).Compile(test.text)
		if mistakes != nil {
			t.Errorf("%s: %v", test.text, mistakes[0])
			continue
		}
		if value, outcome, err := program.Eval(t.Context(), answer(test.json)); outcome != test.want || (err != nil) != (test.want == expr.Failed) {
			t.Errorf("%s of %s: outcome %v, value %v, error %v, want %v", test.text, test.json, outcome, value, err, test.want)
		}
	}
}

func TestParsePath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a": "a", "a.b.c": "a.b.c", "a[0].b": "a[0].b", `a["odd key"].b`: `a["odd key"].b`, ` a.b `: "a.b", `a["b"]`: "a.b", "a.in.x": "a.in.x",
		"": "", "a.": "", "a[": "", "a[-1]": "", "a[b]": "", "a b": "", "1": "", "true": "", "a.b()": "", "a+b": "", "a[99999999999]": "", `a[""]`: "",
	} {
		path, ok := expr.ParsePath(text)
		if ok != (want != "") || ok && path.String() != want {
			t.Errorf("ParsePath(%q) = %s, %v, want %q", text, path, ok, want)
		}
	}
}

// FuzzTemplate: the parts of a text are all of it, in order.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"a${b}c", "$${x}", "${'}'}", "${{'a': 1}}", "${", "${}", "$", "}${ a }{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, mistake := expr.ParseTemplate(text)
		if mistake != nil {
			if mistake.Offset < 0 || mistake.Offset+mistake.Width > len(text) {
				t.Fatalf("%q: mistake at %d, %d wide", text, mistake.Offset, mistake.Width)
			}
			return
		}
		var whole strings.Builder
		for _, part := range parts {
			if part.Hole != "" && !strings.HasPrefix(text[part.Offset:], part.Hole) {
				t.Fatalf("%q: hole %q is not at %d", text, part.Hole, part.Offset)
			}
			whole.WriteString(part.Literal + part.Hole)
		}
		if len(whole.String()) > len(text) {
			t.Fatalf("%q: parts are longer: %q", text, whole.String())
		}
	})
}
