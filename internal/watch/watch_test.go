package watch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deadline = 30 * time.Second

// folder is a directory whose file a.yaml, and whatever stands beside it, is watched.
type folder struct {
	dir     string
	watcher *Watcher
	changes chan struct{}
}

func newFolder(t *testing.T, dir string) *folder {
	t.Helper()
	f := &folder{dir: dir, changes: make(chan struct{}, 100)}
	f.watcher = New(func() (files, directories []string) {
		files, _ = filepath.Glob(filepath.Join(dir, "*.yaml"))
		return files, []string{dir}
	}, slog.New(slog.DiscardHandler))
	f.watcher.settle = 20 * time.Millisecond
	return f
}

// run watches until the test ends.
func (f *folder) run(t *testing.T, run func(context.Context, func())) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { run(ctx, func() { f.changes <- struct{}{} }) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
}

func (f *folder) await(t *testing.T) {
	t.Helper()
	select {
	case <-f.changes:
	case <-time.After(deadline):
		t.Fatal("no change was seen")
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestLook: only what is in the files counts.
func TestLook(t *testing.T) {
	t.Parallel()
	f := newFolder(t, t.TempDir())
	file := filepath.Join(f.dir, "a.yaml")
	later := time.Now().Add(time.Hour)
	for _, step := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"nothing", func() {}, false},
		{"a new file", func() { write(t, file, "1") }, true},
		{"touched", func() { must(t, os.Chtimes(file, later, later)) }, false},
		{"written with the same", func() { write(t, file, "1") }, false},
		{"a file of another kind", func() { write(t, filepath.Join(f.dir, "notes.txt"), "1") }, false},
		{"written with something else", func() { write(t, file, "2") }, true},
		{"renamed onto", func() { write(t, file+".tmp", "3"); must(t, os.Rename(file+".tmp", file)) }, true},
		{"removed", func() { must(t, os.Remove(file)) }, true},
	} {
		step.change()
		if got := f.watcher.look(); got != step.want {
			t.Errorf("%s: changed = %v, want %v", step.name, got, step.want)
		}
	}
}

// mount writes what a Kubernetes ConfigMap looks like when it is mounted: files are links through ..data, which is a link to a
// directory with a date. An update writes another directory, and swaps ..data by renaming.
func mount(t *testing.T, dir, date, content string) {
	t.Helper()
	write(t, filepath.Join(dir, date, "a.yaml"), content)
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	must(t, os.Symlink(date, filepath.Join(dir, "..data_tmp")), os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if old == "" {
		must(t, os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")))
		return
	}
	must(t, os.RemoveAll(filepath.Join(dir, old)))
}

// TestMount: each swap is one change, and a swap to the same content is none.
func TestMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", "one")
	f := newFolder(t, dir)
	f.run(t, f.watcher.Run)
	for i, content := range []string{"two", "two", "three", "one"} {
		mount(t, dir, "..1"+strings.Repeat("0", i+1), content)
		if i != 1 {
			f.await(t)
		}
	}
	if len(f.changes) != 0 {
		t.Errorf("%d changes too many", len(f.changes))
	}
}

// TestRun sees what happened before it runs, writes, and a directory that is replaced by another one of its name.
func TestRun(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "project")
	write(t, filepath.Join(root, "v1", "a.yaml"), "1")
	write(t, filepath.Join(root, "v2", "a.yaml"), "2")
	must(t, os.Symlink("v1", dir))
	f := newFolder(t, dir)
	write(t, filepath.Join(dir, "a.yaml"), "before")
	f.run(t, f.watcher.Run)
	f.await(t)
	write(t, filepath.Join(dir, "a.yaml"), "written")
	f.await(t)
	must(t, os.Symlink("v2", dir+".tmp"), os.Rename(dir+".tmp", dir))
	f.await(t)
	write(t, filepath.Join(dir, "a.yaml"), "in the new directory")
	f.await(t)
}

// TestPoll sees changes without events.
func TestPoll(t *testing.T) {
	t.Parallel()
	f := newFolder(t, t.TempDir())
	f.watcher.every = time.Millisecond
	f.run(t, func(ctx context.Context, changed func()) { f.watcher.poll(ctx, changed, errors.New("no events")) })
	for _, content := range []string{"1", "2"} {
		must(t, os.WriteFile(filepath.Join(f.dir, "tmp"), []byte(content), 0o600), os.Rename(filepath.Join(f.dir, "tmp"), filepath.Join(f.dir, "a.yaml")))
		f.await(t)
	}
}
