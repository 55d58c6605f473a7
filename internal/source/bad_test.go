package source_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expected problems of golden cases")

const (
	// golden is the file of a case that holds the problems, exactly as an author sees them; empty if there are none.
	golden = "problems"
	// environment is the file of a case that holds NAME=value lines. A case without it is read as by sheaf check, where
	// no variable is set and none has to be.
	environment = "environment"
)

// TestBad reads each case of testdata: the files of a case are laid over those of testdata/base, an empty one is removed.
func TestBad(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("found no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			checkBad(t, path)
		})
	}
}

func checkBad(t *testing.T, path string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := copyBase(t)
	options := source.Options{AllowUnsetEnv: true}
	want, kept := "", archive.Files[:0]
	for _, file := range archive.Files {
		switch file.Name {
		case golden:
			want = string(file.Data)
			continue
		case environment:
			options = source.Options{LookupEnv: lookup(string(file.Data))}
		default:
			overlay(t, filepath.Join(dir, file.Name), file.Data)
		}
		kept = append(kept, file)
	}
	got := strings.ReplaceAll(problems(t, dir, options), dir, "DIR")
	if *update {
		kept = append(kept, txtar.File{Name: golden, Data: []byte(got)})
		archive.Files = kept
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func copyBase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/base")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func overlay(t *testing.T, path string, data []byte) {
	t.Helper()
	if len(data) == 0 {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// lookup reads NAME=value lines.
func lookup(lines string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for line := range strings.Lines(lines) {
			if value, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+"="); found {
				return value, true
			}
		}
		return "", false
	}
}

// problems are the problems of a project, as text.
func problems(t *testing.T, dir string, options source.Options) string {
	t.Helper()
	_, found, err := source.Load(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	err = found.Write(&text, diag.Text, func(file string) []byte {
		content, _ := os.ReadFile(filepath.Join(dir, file))
		return content
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
