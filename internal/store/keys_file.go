package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// keysLookEvery is the shortest time between two looks at a file of keys.
const keysLookEvery = time.Second

// fileKeys keep all keys in one file, which is replaced as a whole under a lock beside it.
type fileKeys struct {
	path   string
	logger *slog.Logger

	mu       sync.Mutex
	keys     map[string]*Key
	info     os.FileInfo // of what the keys are from; nil if there was no file
	lookedAt time.Time
	// complaint is what was wrong with the file when it was last read; empty for nothing.
	complaint string
}

// FileKeys keeps keys in a file, for the processes of one machine. It is read now, and again when it has changed; it need not be there.
// One that cannot be read again changes nothing but the log.
func FileKeys(path string, logger *slog.Logger) (Keys, error) {
	f := &fileKeys{path: path, logger: logger, lookedAt: time.Now()}
	var err error
	f.keys, f.info, err = f.read()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// keysContent is the file's JSON.
type keysContent struct {
	Keys []*Key `json:"keys"`
}

// read reads the file as it is now.
func (f *fileKeys) read() (map[string]*Key, os.FileInfo, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]*Key{}, nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(f.path + " is no regular file") // reading a pipe could wait forever
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", err)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", err)
	}
	keys, err := decodeKeys(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %s is no file of keys: %w", f.path, err)
	}
	return keys, info, nil
}

func decodeKeys(text []byte) (map[string]*Key, error) {
	var content keysContent
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, err
	}
	keys := make(map[string]*Key, len(content.Keys))
	for _, key := range content.Keys {
		if err := key.check(); err != nil {
			return nil, err
		}
		if keys[key.Prefix] != nil {
			return nil, fmt.Errorf("read key %s: it is there twice", key.Prefix)
		}
		keys[key.Prefix] = key
	}
	return keys, nil
}

// Find implements Keys.
func (f *fileKeys) Find(_ context.Context, prefix string) (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.lookedAt) >= keysLookEvery {
		f.lookedAt = time.Now()
		f.look()
	}
	return f.keys[prefix], nil
}

// look reads the file if it is another one than before.
func (f *fileKeys) look() {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) && f.info == nil || err == nil && isSameFile(info, f.info) {
		return
	}
	keys, info, err := f.read()
	if err != nil {
		if complaint := err.Error(); complaint != f.complaint {
			f.logger.Warn("keys cannot be read again; the last ones stay", slog.String("file", f.path), slog.String("error", complaint))
			f.complaint = complaint
		}
		return
	}
	f.logger.Info("keys were read again", slog.String("file", f.path), slog.Int("keys", len(keys)))
	f.keys, f.info, f.complaint = keys, info, ""
}

func isSameFile(now, before os.FileInfo) bool {
	return before != nil && os.SameFile(now, before) && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime())
}

// Add implements Keys.
func (f *fileKeys) Add(ctx context.Context, key *Key) error {
	return f.change(ctx, func(keys map[string]*Key) (bool, error) {
		if keys[key.Prefix] != nil {
			return false, ErrPrefixTaken
		}
		keys[key.Prefix] = key
		return true, nil
	})
}

// List implements Keys.
func (f *fileKeys) List(context.Context) ([]*Key, error) {
	keys, _, err := f.read()
	return sortedKeys(keys), err
}

// Revoke implements Keys.
func (f *fileKeys) Revoke(ctx context.Context, prefix string, now time.Time) (*Key, error) {
	var revoked *Key
	err := f.change(ctx, func(keys map[string]*Key) (bool, error) {
		if revoked = keys[prefix]; revoked == nil || !revoked.Revoked.IsZero() {
			return false, nil
		}
		revoked = revoked.revokedAt(now)
		keys[prefix] = revoked
		return true, nil
	})
	return revoked, err
}

// change changes the file, one process after the other, if change reports that it did anything.
func (f *fileKeys) change(ctx context.Context, change func(map[string]*Key) (bool, error)) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	unlock, err := lockPath(ctx, f.path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	keys, _, err := f.read()
	if err != nil {
		return err
	}
	if changed, err := change(keys); !changed || err != nil {
		return err
	}
	text, err := json.MarshalIndent(keysContent{sortedKeys(keys)}, "", "  ")
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := replaceFile(f.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return f.take()
}

// take reads what was changed, so that this process need not wait for its next look.
func (f *fileKeys) take() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys, info, err := f.read()
	if err != nil {
		return err
	}
	f.keys, f.info = keys, info
	return nil
}

// sortedKeys are keys in the order in which they were made.
func sortedKeys(keys map[string]*Key) []*Key {
	sorted := make([]*Key, 0, len(keys))
	for _, key := range keys {
		sorted = append(sorted, key)
	}
	slices.SortFunc(sorted, func(a, b *Key) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Prefix, b.Prefix)) })
	return sorted
}
