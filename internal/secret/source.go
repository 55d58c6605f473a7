package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Source gives a secret as it is now. The nil Source gives none. It is safe for concurrent use.
type Source struct {
	value atomic.Pointer[Value]
	// file is nil for a secret that does not change.
	file *file
}

// Fixed is a source of a secret that does not change.
func Fixed(value Value) *Source {
	source := &Source{}
	source.value.Store(&value)
	return source
}

// Watch is a source that reads a file now, and again when it has changed. A file that cannot be read any more, or holds no
// secret, changes nothing but the log: the last good secret stays.
func Watch(path string, logger *slog.Logger) (*Source, error) {
	source := &Source{file: &file{path: path, logger: logger}}
	seen, err := source.file.identify()
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	value, err := FromFile(path)
	if err != nil {
		return nil, err
	}
	source.file.good, source.file.lookedAt = seen, time.Now()
	source.value.Store(&value)
	return source, nil
}

// Value is the secret. It never waits: a file is looked at behind the calls, at most once in a second, and what is new in it
// is given from then on.
func (s *Source) Value() Value {
	if s == nil {
		return Value{}
	}
	if s.file != nil && s.file.isDue() {
		go s.look()
	}
	return *s.value.Load()
}

// Refresh looks at the file now.
func (s *Source) Refresh() {
	if s != nil && s.file != nil {
		s.look()
	}
}

// IsZero reports whether there is no secret.
func (s *Source) IsZero() bool { return s == nil }

// lookEvery is the shortest time between two looks at a file.
const lookEvery = time.Second

// file is a file that holds a secret.
type file struct {
	path   string
	logger *slog.Logger

	// turn is held by who looks.
	turn sync.Mutex

	mu       sync.Mutex
	looking  bool
	lookedAt time.Time
	// good is what the secret is from. bad is what could not be read last, and complaint what was wrong with it; empty for nothing.
	good, bad identity
	complaint string
}

// identity tells one content of a file from the next: another file behind the same links, or the same file written again.
type identity struct {
	target string
	info   os.FileInfo
}

func (i identity) is(other identity) bool {
	return other.info != nil && i.target == other.target && os.SameFile(i.info, other.info) && i.info.Size() == other.info.Size() && i.info.ModTime().Equal(other.info.ModTime())
}

// isDue reports whether it is time to look, and nobody does; then the caller has to.
func (f *file) isDue() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looking || time.Since(f.lookedAt) < lookEvery {
		return false
	}
	f.looking = true
	return true
}

// identify looks at what the path leads to. Orchestrators change a secret by moving a symbolic link.
func (f *file) identify() (identity, error) {
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return identity{}, err
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return identity{}, err
	case !info.Mode().IsRegular():
		return identity{}, errors.New(f.path + " is no regular file") // reading a pipe could wait forever
	}
	return identity{target, info}, nil
}

// look reads the file if it has changed, and one that could not be read until it can.
func (s *Source) look() {
	s.file.turn.Lock()
	defer s.file.turn.Unlock()
	now, err := s.file.identify()
	changed := err == nil && !now.is(s.file.good) // only who has the turn changes it
	if changed {
		var value Value
		if value, err = FromFile(s.file.path); err == nil {
			s.value.Store(&value)
		}
	}
	s.file.looked(now, changed, err)
}

// looked notes what a look has found, and logs what is new about it.
func (f *file) looked(now identity, changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looking, f.lookedAt = false, time.Now()
	if err == nil {
		if changed {
			f.logger.Info("secret was read again", slog.String("file", f.path))
		}
		f.good, f.complaint = now, ""
		return
	}
	if complaint := err.Error(); complaint != f.complaint || now.info != nil && !now.is(f.bad) {
		f.logger.Warn("secret cannot be read again; the last one stays", slog.String("file", f.path), slog.String("error", complaint))
		f.complaint, f.bad = complaint, now
	}
}
