// Package lru keeps values up to a size altogether; what was used least recently makes room.
package lru

import (
	"container/list"
	"sync"
	"time"
)

// Cache keeps values by their keys. It is safe for concurrent use; so have to be the values that it gives.
type Cache[K comparable, V any] struct {
	max int

	mu     sync.Mutex
	size   int
	byKey  map[K]*list.Element
	recent *list.List // of *entry[K, V], most recently used first
}

type entry[K comparable, V any] struct {
	key   K
	value V
	size  int
	until time.Time // zero for no end
}

// New keeps values of a size altogether, in whatever unit they are put with.
func New[K comparable, V any](maxSize int) *Cache[K, V] {
	return &Cache[K, V]{max: maxSize, byKey: map[K]*list.Element{}, recent: list.New()}
}

// Get is the value of a key, which counts as used; false if there is none, or if it has ended.
func (c *Cache[K, V]) Get(key K, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none V
	element, ok := c.byKey[key]
	if !ok {
		return none, false
	}
	found := element.Value.(*entry[K, V])
	if !found.until.IsZero() && !now.Before(found.until) {
		c.remove(element)
		return none, false
	}
	c.recent.MoveToFront(element)
	return found.value, true
}

// Put keeps a value of a size instead of the one that its key has, until a time, or for good if that is zero. One larger than everything
// together is not kept.
func (c *Cache[K, V]) Put(key K, value V, size int, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if older, ok := c.byKey[key]; ok {
		c.remove(older)
	}
	if size > c.max {
		return
	}
	c.byKey[key] = c.recent.PushFront(&entry[K, V]{key, value, size, until})
	for c.size += size; c.size > c.max; {
		c.remove(c.recent.Back())
	}
}

// Delete forgets the value of a key.
func (c *Cache[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[key]; ok {
		c.remove(element)
	}
}

// Size is that of all that is kept, what has ended and was not asked for since included.
func (c *Cache[K, V]) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

func (c *Cache[K, V]) remove(element *list.Element) {
	removed := c.recent.Remove(element).(*entry[K, V])
	delete(c.byKey, removed.key)
	c.size -= removed.size
}
