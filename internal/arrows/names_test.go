package arrows_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// platforms are what only the social example may know of.
var platforms = regexp.MustCompile(`(?i)bluesky|bsky|atproto|mastodon|twitter|tweet|linkedin|restli|facebook|telegram|discord`)

// TestNoPlatform: no platform's name is in the engine. What only one of them needs is in its binding.
func TestNoPlatform(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"aggregate", "bff", "upstreams", "internal", "proto"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".proto" {
				return err
			}
			content, err := os.ReadFile(path)
			if found := platforms.Find(content); found != nil {
				t.Errorf("%s names %s", path, found)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
