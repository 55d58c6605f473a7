package tlsfile

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// lookAgain is how often files are looked at, at most.
const lookAgain = time.Second

// watched is what files hold, which are read again when they change. It is safe for concurrent use.
type watched[T any] struct {
	// what it is, for logs, and the files that it is in.
	what   string
	paths  []string
	read   func() (T, error)
	logger *slog.Logger

	mu     sync.Mutex
	looked time.Time
	// seen is how the files were when they were read last, and value the last that was good.
	seen  []file
	value T
}

// file tells two states of a file apart; the zero file is one that cannot be looked at.
type file struct {
	modified time.Time
	size     int64
}

// open reads for the first time. A nil logger discards what goes wrong later.
func (w *watched[T]) open() error {
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	w.looked, w.seen = time.Now(), w.look()
	var err error
	w.value, err = w.read()
	return err
}

// Current is what the files hold. If they have changed and are not good, it is the last that was.
func (w *watched[T]) Current() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.looked) < lookAgain {
		return w.value
	}
	w.looked = time.Now()
	seen := w.look()
	if slices.Equal(seen, w.seen) {
		return w.value
	}
	w.seen = seen // by now they may be newer, and then they are read once more
	paths := slog.String("files", strings.Join(w.paths, ", "))
	value, err := w.read()
	if err != nil {
		w.logger.Warn(w.what+" changed and cannot be used, so the last one stays", paths, slog.Any("error", err))
		return w.value
	}
	w.logger.Info(w.what+" changed", paths)
	w.value = value
	return value
}

func (w *watched[T]) look() []file {
	var seen []file
	for _, path := range w.paths {
		seen = append(seen, lookAt(path))
	}
	return seen
}

func lookAt(path string) file {
	info, err := os.Stat(path)
	if err != nil {
		return file{}
	}
	return file{info.ModTime(), info.Size()}
}
