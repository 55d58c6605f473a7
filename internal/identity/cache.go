package identity

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// digest stands for a token, so that no token is kept.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	var most [2 << 10]byte // most tokens are shorter, and need no memory besides
	return sha256.Sum256(append(most[:0], token...))
}

// kept are values by the digests of their tokens, each until it ends; what was used least recently makes room. They are safe for
// concurrent use.
type kept[V any] struct {
	maxSize int

	mu       sync.Mutex
	size     int
	byDigest map[digest]*list.Element
	recent   *list.List // of *keptValue[V], most recently used first
}

type keptValue[V any] struct {
	digest digest
	value  V
	size   int
	until  time.Time
}

// newKept keeps values of a size altogether, in bytes.
func newKept[V any](maxSize int) *kept[V] {
	return &kept[V]{maxSize: maxSize, byDigest: map[digest]*list.Element{}, recent: list.New()}
}

// get is the value of a token, if it is kept and has not ended.
func (k *kept[V]) get(of digest, now time.Time) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	element, ok := k.byDigest[of]
	if !ok {
		var none V
		return none, false
	}
	found := element.Value.(*keptValue[V])
	if !now.Before(found.until) {
		k.remove(element)
		var none V
		return none, false
	}
	k.recent.MoveToFront(element)
	return found.value, true
}

// put keeps a value of about this size in bytes, if there is time left.
func (k *kept[V]) put(of digest, value V, size int, now, until time.Time) {
	if size > k.maxSize || !now.Before(until) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if older, ok := k.byDigest[of]; ok {
		k.remove(older)
	}
	k.byDigest[of] = k.recent.PushFront(&keptValue[V]{of, value, size, until})
	for k.size += size; k.size > k.maxSize; {
		k.remove(k.recent.Back())
	}
}

// drop forgets the value of a token.
func (k *kept[V]) drop(of digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if element, ok := k.byDigest[of]; ok {
		k.remove(element)
	}
}

func (k *kept[V]) remove(element *list.Element) {
	removed := k.recent.Remove(element).(*keptValue[V])
	delete(k.byDigest, removed.digest)
	k.size -= removed.size
}
