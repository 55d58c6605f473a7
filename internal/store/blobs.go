package store

import (
	"context"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// Blobs keeps values for a time. It must be safe for concurrent use.
type Blobs interface {
	// Get is the value of a key, not to be changed; false if there is none. The error says that the store is away.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set keeps a value for a time, unless there is no room for it.
	Set(ctx context.Context, key string, value []byte, keep time.Duration) error
	// Delete forgets a value.
	Delete(ctx context.Context, key string) error
}

// Memory keeps values in this process; what was used least recently makes room.
type Memory struct {
	max  int
	kept *lru.Cache[string, []byte]
}

var _ Blobs = (*Memory)(nil)

const (
	// overhead is what a value costs besides itself and its key, about.
	overhead = 200
	// largestShare is the largest part of the whole that one value may have.
	largestShare = 8
)

// NewMemory keeps values up to a number of bytes, keys and overhead included.
func NewMemory(maxBytes int) *Memory { return &Memory{maxBytes, lru.New[string, []byte](maxBytes)} }

// Get implements Blobs.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	value, ok := m.kept.Get(key, time.Now())
	return value, ok, nil
}

// Set implements Blobs. A value larger than an eighth of the whole is not kept.
func (m *Memory) Set(_ context.Context, key string, value []byte, keep time.Duration) error {
	size := len(key) + len(value) + overhead
	if size > m.max/largestShare {
		m.kept.Delete(key)
		return nil
	}
	m.kept.Put(key, value, size, time.Now().Add(keep))
	return nil
}

// Delete implements Blobs.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.kept.Delete(key)
	return nil
}

// Bytes is how much is kept, keys and overhead included.
func (m *Memory) Bytes() int { return m.kept.Size() }
