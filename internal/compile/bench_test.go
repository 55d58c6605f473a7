package compile_test

import (
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// BenchmarkCompile reads and compiles the storefront example: six RPCs.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compile.Dir("../../examples/storefront", source.Options{AllowUnsetEnv: true}); err != nil {
			b.Fatal(err)
		}
	}
}
