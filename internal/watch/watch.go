// Package watch is for knowing when files have changed. Directories are watched rather than files, so that editors that write by
// renaming, and mounts of Kubernetes, which swap a symbolic link, are seen; and only what is in the files counts.
package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher sees changes of files. It is for one goroutine.
type Watcher struct {
	inputs func() (files, directories []string)
	logger *slog.Logger
	known  [sha256.Size]byte
	// settle is how long nothing may happen before the files are looked at; every is how often, where nothing tells of events.
	settle, every time.Duration
}

// New looks at the files as they are now. inputs gives the files, and the directories in which more may appear; it is called anew
// each time, since what is in the files may decide on it.
func New(inputs func() (files, directories []string), logger *slog.Logger) *Watcher {
	const settle, every = 100 * time.Millisecond, 3 * time.Second
	w := &Watcher{inputs: inputs, logger: logger, settle: settle, every: every}
	w.look()
	return w
}

// Run calls changed each time that the files have changed since New, until ctx ends. If the system cannot tell of events, the files
// are looked at every few seconds.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		w.poll(ctx, changed, err)
		return
	}
	defer events.Close() //nolint:errcheck // nothing was written
	for {
		if err := w.follow(events); err != nil {
			w.poll(ctx, changed, err)
			return
		}
		if w.look() {
			changed()
		}
		if !w.wait(ctx, events) {
			return
		}
	}
}

// poll looks at the files time and again.
func (w *Watcher) poll(ctx context.Context, changed func(), cause error) {
	w.logger.Warn("file events are not available, so the files are read time and again", slog.String("every", w.every.String()), slog.String("error", cause.Error()))
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		if w.look() {
			changed()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// follow watches the directories, those that are new among them. One that was replaced is another one by the same name. Where a
// directory is a symbolic link, the link may change, too.
func (w *Watcher) follow(events *fsnotify.Watcher) error {
	_, directories := w.inputs()
	for _, directory := range directories {
		for _, one := range append(parentOfLink(directory), directory) {
			if err := events.Add(one); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("watch %s: %w", one, err)
			}
		}
	}
	return nil
}

func parentOfLink(name string) []string {
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return []string{filepath.Dir(name)}
	}
	return nil
}

// wait waits for an event, and then until it is quiet; false if ctx has ended. Whoever never stops writing is not waited for.
func (w *Watcher) wait(ctx context.Context, events *fsnotify.Watcher) bool {
	var quiet, enough <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-quiet:
			return true
		case <-enough:
			return true
		case <-events.Events:
		case err := <-events.Errors:
			w.logger.Warn("file events were lost", slog.String("error", fmt.Sprint(err)))
		}
		quiet = time.After(w.settle)
		if enough == nil {
			enough = time.After(20 * w.settle)
		}
	}
}

// look reports whether the files are other than at the last look.
func (w *Watcher) look() bool {
	files, _ := w.inputs()
	sum := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		_, _ = fmt.Fprintf(sum, "%q %v %d\n", file, err == nil, len(content))
		_, _ = sum.Write(content) // a hash takes everything
	}
	before := w.known
	sum.Sum(w.known[:0])
	return w.known != before
}
