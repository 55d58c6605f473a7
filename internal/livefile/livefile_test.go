package livefile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/livefile"
)

// pair is two files in one value.
type pair struct {
	t    *testing.T
	dir  string
	live *livefile.Value[string]
	logs bytes.Buffer
	// reads counts them, and reading is called in each; nil for nothing.
	reads   int
	reading func()
}

func openPair(t *testing.T, dir string) *pair {
	t.Helper()
	p := &pair{t: t, dir: dir}
	var err error
	p.live, err = livefile.Open(livefile.Config[string]{
		What: "pair", Paths: []string{p.path("a"), p.path("b")}, Read: p.read, Logger: slog.New(slog.NewTextHandler(&p.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) path(name string) string { return filepath.Join(p.dir, name) }

// read joins both files; b may lack.
func (p *pair) read() (string, error) {
	p.reads++
	if p.reading != nil {
		p.reading()
	}
	a, err := os.ReadFile(p.path("a"))
	if err != nil {
		return "", fmt.Errorf("read a: %w", err)
	}
	b, err := os.ReadFile(p.path("b"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read b: %w", err)
	}
	return string(a) + string(b), nil
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) expect(when, want string) {
	p.t.Helper()
	if got := p.live.Current(); got != want {
		p.t.Errorf("%s: %q, want %q", when, got, want)
	}
}

// TestCurrent: files are looked at once a second at most, and read if one of them is another one.
func TestCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "1")
	synctest.Test(t, func(t *testing.T) {
		p := openPair(t, dir)
		put(t, p.path("b"), "2")
		p.expect("within the second", "1")
		time.Sleep(time.Second)
		p.expect("after it", "12")
		time.Sleep(time.Hour)
		p.expect("much later", "12")
		if p.reads != 2 {
			t.Errorf("%d reads of two states", p.reads)
		}
		before, err := os.Stat(p.path("a"))
		if err != nil {
			t.Fatal(err)
		}
		put(t, p.path("new"), "3") // as large as the other, and as old
		if err := errors.Join(os.Chtimes(p.path("new"), before.ModTime(), before.ModTime()), os.Rename(p.path("new"), p.path("a"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.expect("with another file in its place", "32")
		if err := os.Remove(p.path("b")); err != nil {
			t.Fatal(err)
		}
		if err := p.live.Refresh(); err != nil {
			t.Fatal(err)
		}
		p.expect("after a refresh", "3")
	})
}

// TestBroken: what cannot be read leaves the last value, is told once for each state, and is tried again until it can.
func TestBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "1")
	synctest.Test(t, func(t *testing.T) {
		p := openPair(t, dir)
		if err := errors.Join(os.Remove(p.path("a")), os.Mkdir(p.path("a"), 0o700)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(time.Second)
			p.expect("a directory", "1")
		}
		if err := os.Remove(p.path("a")); err != nil {
			t.Fatal(err)
		}
		reads := p.reads
		for range 3 {
			time.Sleep(time.Second)
			p.expect("nothing", "1")
		}
		if tried := p.reads - reads; tried != 3 {
			t.Errorf("it was tried %d times", tried)
		}
		if got := strings.Count(p.logs.String(), "level=WARN"); got != 2 {
			t.Errorf("%d warnings: %s", got, p.logs.String())
		}
		put(t, p.path("a"), "4")
		time.Sleep(time.Second)
		p.expect("mended", "4")
	})
	if _, err := livefile.Open(livefile.Config[int]{What: "number", Paths: []string{dir}, Read: func() (int, error) { return 0, nil }}); err == nil {
		t.Error("a directory was read")
	}
}

// TestNoWait: nobody waits for who looks, and Known not even for its own look.
func TestNoWait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "1")
	synctest.Test(t, func(t *testing.T) {
		p := openPair(t, dir)
		put(t, p.path("a"), "22")
		release := make(chan struct{})
		p.reading = sync.OnceFunc(func() { <-release })
		time.Sleep(time.Second)
		if got := p.live.Known(); got != "1" {
			t.Errorf("at once: %s", got)
		}
		synctest.Wait() // the look waits in the middle of reading
		p.expect("meanwhile", "1")
		close(release)
		synctest.Wait()
		p.expect("afterwards", "22")
	})
}
