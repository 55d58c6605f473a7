package compile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// FuzzCompile: whatever a binding file says, compiling it gives a plan or problems that lie within the file, never a panic
// or an error of ours.
func FuzzCompile(f *testing.F) {
	cases, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "bindings/shop.yaml" {
				f.Add(string(file.Data))
			}
		}
	}
	for _, response := range []string{
		"5", "[1]", "{title: {$text: null}}", "{title: {$from: {a: b}, $default: [1]}}", "{state: {$enum: [1], a: 1}}", "{state: {$else: STATE_ON}}",
		"{prices: {$each: p in product.x, $key: {a: b}, cents: [1], currency: {}}}", "{tags: {$each: {a: b}, $value: {$each: t in x}}}",
		"{reviews: {$each: r in product.xs[0].y, author: r.a, rating: r[0], replies: {$each: s in r.b, author: s.x, rating: s.y}}}",
		"{attributes: {a: {$each: x in y}, b: null, c: {d: e}}}", "{attributes: {$key: a}}", "{price: {$value: a}}", "{tags: {$enum: product.x, a: b}}",
	} {
		f.Add("service: shop.v1.Shop\nrpcs:\n  Get:\n    calls: {product: {get: \"catalog:/p\"}}\n    response: " + response + "\n")
	}
	f.Add("service: shop.v1.Shop\nrpcs: {Get: , Other: {calls: }}\n")
	f.Add("service: shop.v1.Shop\nrpcs: {Get: {calls: {a: {post: 'catalog:/${env.X}', body: {a: [{b: '${c}'}, null]}, query: {x: {y: z}}}}, response: {title: a}}}\n")
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/base")); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(dir, "bindings", "shop.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := compile.Dir(dir, source.Options{AllowUnsetEnv: true})
		if err == nil {
			return
		}
		wrong, ok := errors.AsType[*diag.Error](err)
		if !ok {
			t.Fatalf("error of ours: %v", err)
		}
		lines := strings.Split(text, "\n")
		for _, problem := range wrong.Problems {
			at := problem.Position
			if at.File == "" || problem.Message == "" || at.Line > len(lines)+1 {
				t.Errorf("problem %+v", problem)
			}
			if at.Line > 0 && at.Line <= len(lines) && at.Column > len(lines[at.Line-1])+2 {
				t.Errorf("problem at %v, but the line has %d bytes: %s", at, len(lines[at.Line-1]), problem.Message)
			}
		}
	})
}
