package compile_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expected problems of golden cases")

// golden is the file of a case that holds the problems, exactly as an author sees them.
const golden = "problems"

// TestBad compiles each case of testdata/bad: the files of a case are laid over those of testdata/base.
func TestBad(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	const least = 40
	if len(cases) < least {
		t.Fatalf("found %d cases, want at least %d", len(cases), least)
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
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/base")); err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, file := range archive.Files {
		if file.Name == golden {
			want = string(file.Data)
			continue
		}
		write(t, filepath.Join(dir, file.Name), file.Data)
	}
	got := strings.ReplaceAll(problems(t, dir), dir, "DIR")
	if *update {
		archive.Files = append(withoutGolden(archive.Files), txtar.File{Name: golden, Data: []byte(got)})
		write(t, path, txtar.Format(archive))
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func withoutGolden(files []txtar.File) []txtar.File {
	var kept []txtar.File
	for _, file := range files {
		if file.Name != golden {
			kept = append(kept, file)
		}
	}
	return kept
}

// write writes a file; one that is empty in the archive is removed instead.
func write(t *testing.T, path string, data []byte) {
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

// problems are the problems of a project, as text.
func problems(t *testing.T, dir string) string {
	t.Helper()
	_, err := compile.Dir(dir, source.Options{})
	wrong, ok := errors.AsType[*diag.Error](err)
	if !ok {
		t.Fatalf("compile: got error %v, want problems", err)
	}
	var text bytes.Buffer
	err = wrong.Problems.Write(&text, diag.Text, func(file string) []byte {
		content, _ := os.ReadFile(filepath.Join(dir, file))
		return content
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestBase proves that every problem of a bad case is the case's own.
func TestBase(t *testing.T) {
	t.Parallel()
	if _, err := compile.Dir("testdata/base", source.Options{}); err != nil {
		t.Fatal(err)
	}
}
