// Package livefile gives what files hold, and reads them again when they change, also if that is by a symbolic link which moves. It is for
// who asks time and again; package watch is for who has to be told.
package livefile

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is the shortest time between two looks at the files.
const lookEvery = time.Second

// Config says what is in which files.
type Config[T any] struct {
	// What it is, for logs.
	What string
	// Paths are the files. What is no regular file is not read, since reading a pipe could wait forever.
	Paths []string
	// Read reads them. Where one is not there, that is for Read to judge. Its errors hold nothing secret.
	Read func() (T, error)
	// Logger is told of changes; nil discards that.
	Logger *slog.Logger
}

// Value is what files hold. Files that cannot be read again change nothing but the log: the last good value stays. It is safe for concurrent
// use.
type Value[T any] struct {
	config Config[T]
	value  atomic.Pointer[T]

	// turn is held by who looks. good is what the value is from, and bad what could not be read last, for the reason in complaint; empty for none.
	turn      sync.Mutex
	good, bad []state
	complaint string

	mu       sync.Mutex
	looking  bool
	lookedAt time.Time
}

// Open reads the files for the first time.
func Open[T any](config Config[T]) (*Value[T], error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	v := &Value[T]{config: config, lookedAt: time.Now()}
	now, err := v.states()
	if err != nil {
		return nil, err
	}
	value, err := config.Read()
	if err != nil {
		return nil, err
	}
	v.good = now
	v.value.Store(&value)
	return v, nil
}

// Current is what the files hold, after a look at them if the last one is a second ago. Whoever comes while another looks does not wait.
func (v *Value[T]) Current() T {
	if v.isDue() {
		_ = v.Refresh() // it is logged
	}
	return *v.value.Load()
}

// Known is what was found at the last look. It never waits: a look that is due is behind the caller.
func (v *Value[T]) Known() T {
	if v.isDue() {
		go func() { _ = v.Refresh() }() // it is logged
	}
	return *v.value.Load()
}

// isDue reports whether it is time to look, and nobody does; then the caller has to.
func (v *Value[T]) isDue() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.looking || time.Since(v.lookedAt) < lookEvery {
		return false
	}
	v.looking = true
	return true
}

// Refresh reads the files now, if they are others than those that the value is from, or could not be read last.
func (v *Value[T]) Refresh() error {
	v.turn.Lock()
	defer v.turn.Unlock()
	defer v.looked()
	now, err := v.states() // by the time of reading they may be newer, and then they are read once more
	if err == nil && same(now, v.good) {
		v.complaint = ""
		return nil
	}
	var value T
	if err == nil {
		value, err = v.config.Read()
	}
	files := slog.String("files", strings.Join(v.config.Paths, ", "))
	if err != nil {
		if complaint := err.Error(); complaint != v.complaint || !same(now, v.bad) {
			v.config.Logger.Warn(v.config.What+" cannot be read again; the last one stays", files, slog.String("error", complaint))
			v.complaint, v.bad = complaint, now
		}
		return err
	}
	v.config.Logger.Info(v.config.What+" was read again", files)
	v.good, v.complaint = now, ""
	v.value.Store(&value)
	return nil
}

func (v *Value[T]) looked() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looking, v.lookedAt = false, time.Now()
}

func (v *Value[T]) states() ([]state, error) {
	states := make([]state, len(v.config.Paths))
	for i, path := range v.config.Paths {
		var err error
		if states[i], err = stateOf(path); err != nil {
			return states, fmt.Errorf("look at %s: %w", v.config.What, err)
		}
	}
	return states, nil
}

func same(now, before []state) bool { return slices.EqualFunc(now, before, state.is) }
