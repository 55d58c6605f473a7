package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// BenchmarkEval evaluates expressions over an answer of about 2 KB, of which they need next to nothing, or all.
func BenchmarkEval(b *testing.B) {
	reviews := make([]string, 12)
	for i := range reviews {
		reviews[i] = fmt.Sprintf(`{"id": %d, "user": {"id": %d, "name": "Reader %d"}, "stars": %d, "body": "Quite a long text that nobody asked for, number %d."}`, i, i*7, i, i%5+1, i)
	}
	document := []byte(`{"id": "p-1", "title": "Enamel mug", "seo": {"title": "x", "keywords": ["a", "b"]}, "price": {"cents": 1450, "cur": "EUR"}, "reviews": [` + strings.Join(reviews, ",") + `]}`)
	for _, text := range []string{`x.price.cents / 100`, `has(x.price.cents) && x.seo.title == "x"`, `x.reviews[3].user.name`, `size(x.reviews)`, `x.reviews.exists(r, r.stars == 9)`, `x == x`} {
		b.Run(text, func(b *testing.B) {
			program, mistakes := env(b).Compile(text)
			if mistakes != nil {
				b.Fatal(mistakes[0])
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, outcome, err := program.Eval(b.Context(), sharing{expr.NewJSON(document)}); outcome != expr.Found {
					b.Fatal(outcome, err)
				}
			}
		})
	}
}
