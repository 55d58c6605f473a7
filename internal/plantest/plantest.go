// Package plantest is for tests: it compiles projects that are written inside them.
package plantest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// config is the sheaf.yaml of projects that have none of their own.
const config = `contract: proto
bindings: bindings
upstreams:
  a: {base_url: http://a.internal}
  b: {base_url: http://b.internal}
  c: {base_url: http://c.internal}
`

// Write writes a project, as a txtar archive of its files, to a temporary directory.
func Write(tb testing.TB, archive string) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	files := append([]txtar.File{{Name: "sheaf.yaml", Data: []byte(config)}}, txtar.Parse([]byte(archive)).Files...)
	for _, file := range files {
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// Compile compiles a project, and fails the test if anything is wrong with it.
func Compile(tb testing.TB, archive string) *plan.Plan {
	tb.Helper()
	compiled, err := compile.Dir(Write(tb, archive), source.Options{LookupEnv: os.LookupEnv})
	if err != nil {
		tb.Fatalf("compile: %v", err)
	}
	return compiled
}

var timeouts = regexp.MustCompile(`timeout: [0-9.]+m?s`)

// Patient copies a project to a temporary directory, with timeouts so long that a busy machine cannot exceed them.
func Patient(tb testing.TB, files fs.FS) (dir string) {
	tb.Helper()
	dir = filepath.Join(tb.TempDir(), "project")
	if err := os.CopyFS(dir, files); err != nil {
		tb.Fatal(err)
	}
	for _, pattern := range []string{"*.yaml", "bindings/*.yaml"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range paths {
			makePatient(tb, path)
		}
	}
	return dir
}

func makePatient(tb testing.TB, path string) {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, timeouts.ReplaceAll(content, []byte("timeout: 25s")), 0o600); err != nil {
		tb.Fatal(err)
	}
}
