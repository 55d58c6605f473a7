package store

import (
	"container/list"
	"context"
	"sync"
	"time"
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
	max int

	mu     sync.Mutex
	bytes  int
	recent *list.List // of *blob, most recently used first
	byKey  map[string]*list.Element
}

var _ Blobs = (*Memory)(nil)

type blob struct {
	key   string
	value []byte
	until time.Time
}

const (
	// overhead is what a value costs besides itself and its key, about.
	overhead = 200
	// largestShare is the largest part of the whole that one value may have.
	largestShare = 8
)

func (b *blob) size() int { return len(b.key) + len(b.value) + overhead }

// NewMemory keeps values up to a number of bytes, keys and overhead included.
func NewMemory(maxBytes int) *Memory {
	return &Memory{max: maxBytes, recent: list.New(), byKey: map[string]*list.Element{}}
}

// Get implements Blobs.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	element, ok := m.byKey[key]
	if !ok {
		return nil, false, nil
	}
	found := element.Value.(*blob)
	if !time.Now().Before(found.until) {
		m.remove(element)
		return nil, false, nil
	}
	m.recent.MoveToFront(element)
	return found.value, true, nil
}

// Set implements Blobs. A value larger than an eighth of the whole is not kept.
func (m *Memory) Set(_ context.Context, key string, value []byte, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if element, ok := m.byKey[key]; ok {
		m.remove(element)
	}
	added := &blob{key: key, value: value, until: time.Now().Add(keep)}
	if added.size() > m.max/largestShare {
		return nil
	}
	m.byKey[key] = m.recent.PushFront(added)
	m.bytes += added.size()
	for m.bytes > m.max {
		m.remove(m.recent.Back())
	}
	return nil
}

// Delete implements Blobs.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if element, ok := m.byKey[key]; ok {
		m.remove(element)
	}
	return nil
}

func (m *Memory) remove(element *list.Element) {
	removed := m.recent.Remove(element).(*blob)
	delete(m.byKey, removed.key)
	m.bytes -= removed.size()
}

// Bytes is how much is kept, keys and overhead included.
func (m *Memory) Bytes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}
