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
	"time"

	"github.com/sheaf-rpc/sheaf/internal/livefile"
)

// fileKeys keep all keys in one file, which is replaced as a whole under a lock beside it.
type fileKeys struct {
	path string
	keys *livefile.Value[map[string]*Key]
}

// FileKeys keeps keys in a file, for the processes of one machine. It is read now, and again when it has changed; it need not be there.
// One that cannot be read again changes nothing but the log.
func FileKeys(path string, logger *slog.Logger) (Keys, error) {
	read := func() (map[string]*Key, error) { return readKeys(path) }
	keys, err := livefile.Open(livefile.Config[map[string]*Key]{What: "file of API keys", Paths: []string{path}, Read: read, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &fileKeys{path, keys}, nil
}

// keysContent is the file's JSON.
type keysContent struct {
	Keys []*Key `json:"keys"`
}

// readKeys reads the file as it is now.
func readKeys(path string) (map[string]*Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]*Key{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	keys, err := decodeKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read keys: %s is no file of keys: %w", path, err)
	}
	return keys, nil
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
	return f.keys.Current()[prefix], nil
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
	keys, err := readKeys(f.path)
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
	keys, err := readKeys(f.path)
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
	return f.keys.Refresh() // this process need not wait for its next look
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
