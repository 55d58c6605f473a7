package expr_test

import (
	"errors"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// tagged knows tags.
type tagged []string

func (t tagged) Resolve(name string) (any, bool) { return []string(t), name == "tags" }

// TestBounded: a loop in a loop over what a client sends ends by what it costs, and not with the deadline alone.
func TestBounded(t *testing.T) {
	t.Parallel()
	base, err := expr.NewEnv(protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	env, err := base.Bounded().With(expr.Variable{Name: "tags", Type: cel.ListType(cel.StringType)})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		size int
		want expr.Outcome
	}{
		"a loop":               {`tags.all(a, a != "")`, 10_000, expr.Found},
		"a loop in a loop":     {`tags.all(a, tags.all(b, a != "" && b != ""))`, 100, expr.Found},
		"over very many":       {`tags.all(a, tags.all(b, a != "" && b != ""))`, 10_000, expr.Failed},
		"three of them":        {`tags.all(a, tags.all(b, tags.all(c, a + b != c)))`, 10_000, expr.Failed},
		"what costs no loop":   {`tags.size() > 0`, 10_000, expr.Found},
		"three over only some": {`tags.all(a, tags.all(b, tags.all(c, a + b != c)))`, 20, expr.Found},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, mistakes := env.Compile(test.text)
			if mistakes != nil {
				t.Fatal(mistakes)
			}
			tags := strings.Split(strings.Repeat("x,", test.size), ",")[:test.size]
			_, outcome, err := program.Eval(t.Context(), tagged(tags))
			if outcome != test.want || errors.Is(err, expr.ErrCost) != (test.want == expr.Failed) {
				t.Errorf("outcome = %v, error = %v", outcome, err)
			}
		})
	}
}
