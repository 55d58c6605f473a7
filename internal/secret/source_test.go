package secret_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// watched is a file with a secret, and what its source logs.
type watched struct {
	t      *testing.T
	path   string
	source *secret.Source
	logged strings.Builder
}

func watch(t *testing.T, path string) *watched {
	t.Helper()
	w := &watched{t: t, path: path}
	var err error
	if w.source, err = secret.Watch(path, slog.New(slog.NewTextHandler(&w.logged, nil))); err != nil {
		t.Fatal(err)
	}
	return w
}

// after is the secret as it is after a time: the first call begins a look, and the second one sees what that found.
func (w *watched) after(wait time.Duration) string {
	time.Sleep(wait)
	w.source.Value()
	synctest.Wait()
	return w.source.Value().Reveal()
}

func (w *watched) expect(want string, wait time.Duration) {
	w.t.Helper()
	if got := w.after(wait); got != want {
		w.t.Errorf("secret = %q, want %q; log: %s", got, want, w.logged.String())
	}
}

func (w *watched) warnings() int { return strings.Count(w.logged.String(), "level=WARN") }

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWatch: a file that has changed is read again, but not more often than once in a second.
func TestWatch(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	put(t, path, "first\n")
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, path)
		put(t, path, "second one")
		w.expect("first", 500*time.Millisecond)
		w.expect("second one", 600*time.Millisecond)
		w.expect("second one", time.Hour)
		if w.warnings() != 0 || strings.Contains(w.logged.String(), "second one") {
			t.Errorf("log = %s", w.logged.String())
		}
	})
}

// TestWatchLinks: where orchestrators keep secrets, the path is a link to a link that moves as a whole.
func TestWatchLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, version, "token"), "of "+version)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "data")
	link(filepath.Join("data", "token"), "token")
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, filepath.Join(dir, "token"))
		link("v2", "new")
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
		w.expect("of v2", 2*time.Second)
	})
}

// TestWatchBroken: a file that went bad leaves the last good secret, with one warning for each change, until it is good again.
func TestWatchBroken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	put(t, path, "good")
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, path)
		put(t, path, "two\nlines of "+canary)
		for range 3 {
			w.expect("good", 2*time.Second)
		}
		if w.warnings() != 1 {
			t.Errorf("%d warnings, want 1: %s", w.warnings(), w.logged.String())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			w.expect("good", 2*time.Second)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		w.expect("good", 2*time.Second)
		if w.warnings() != 3 {
			t.Errorf("%d warnings, want 3: %s", w.warnings(), w.logged.String())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		put(t, path, "good again")
		w.expect("good again", 2*time.Second)
		if strings.Contains(w.logged.String(), canary) {
			t.Errorf("the log shows a secret: %s", w.logged.String())
		}
	})
}

func TestFixed(t *testing.T) {
	t.Parallel()
	var none *secret.Source
	if got := secret.Fixed(secret.NewValue(canary)); got.Value().Reveal() != canary || got.IsZero() || !none.IsZero() || none.Value().Reveal() != "" {
		t.Error("a fixed secret is not what it was made of")
	}
}

func TestWatchNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := secret.Watch(path, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s gave a secret", path)
		}
	}
}
