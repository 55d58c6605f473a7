package edgetest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// variant is the project with some texts of its sheaf.yaml replaced: pairs of an old one and a new one.
func variant(tb testing.TB, changes ...string) (dir string) {
	tb.Helper()
	dir = plantest.Write(tb, project)
	edit(tb, dir, changes...)
	return dir
}

// edit replaces texts of a project's sheaf.yaml.
func edit(tb testing.TB, dir string, changes ...string) {
	tb.Helper()
	path := filepath.Join(dir, "sheaf.yaml")
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	content := string(raw)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(content, changes[i]) {
			tb.Fatalf("nothing to change: %q", changes[i])
		}
		content = strings.Replace(content, changes[i], changes[i+1], 1)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}
