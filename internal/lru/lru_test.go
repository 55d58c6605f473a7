package lru_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lru"
)

// TestRoom: what was used least recently makes room, as in a list that is searched from its end.
func TestRoom(t *testing.T) {
	t.Parallel()
	const most, keys = 10, 8
	type entry struct{ key, value, size int }
	random := rand.New(rand.NewPCG(1, 2))
	cache, now := lru.New[int, int](most), time.Now()
	var model []entry // most recently used first
	take := func(key int) (entry, bool) {
		at := slices.IndexFunc(model, func(one entry) bool { return one.key == key })
		if at < 0 {
			return entry{}, false
		}
		found := model[at]
		model = slices.Delete(model, at, at+1)
		return found, true
	}
	for step := range 10_000 {
		key := random.IntN(keys)
		switch random.IntN(3) {
		case 0:
			got, ok := cache.Get(key, now)
			want, known := take(key)
			if known {
				model = slices.Insert(model, 0, want)
			}
			if ok != known || got != want.value {
				t.Fatalf("step %d: Get(%d) = %d, %v, want %d, %v", step, key, got, ok, want.value, known)
			}
		case 1:
			size := random.IntN(most + 2)
			cache.Put(key, step, size, time.Time{})
			take(key)
			if size <= most {
				model = slices.Insert(model, 0, entry{key, step, size})
			}
			for total := 0; ; total = 0 {
				for _, one := range model {
					total += one.size
				}
				if total <= most {
					break
				}
				model = model[:len(model)-1]
			}
		default:
			cache.Delete(key)
			take(key)
		}
		size := 0
		for _, one := range model {
			size += one.size
		}
		if got := cache.Size(); got != size {
			t.Fatalf("step %d: size = %d, want %d", step, got, size)
		}
	}
}

// TestUntil: what has ended is not given, and takes no room any more.
func TestUntil(t *testing.T) {
	t.Parallel()
	cache, now := lru.New[string, int](10), time.Now()
	cache.Put("a", 1, 4, now.Add(time.Second))
	cache.Put("b", 2, 4, time.Time{})
	if got, ok := cache.Get("a", now); !ok || got != 1 {
		t.Errorf("before its end: %d, %v", got, ok)
	}
	if _, ok := cache.Get("a", now.Add(time.Second)); ok || cache.Size() != 4 {
		t.Errorf("at its end: %v, size %d", ok, cache.Size())
	}
	if got, ok := cache.Get("b", now.Add(1e6*time.Hour)); !ok || got != 2 {
		t.Errorf("without an end: %d, %v", got, ok)
	}
}

// TestTogether: many may use it at once.
func TestTogether(t *testing.T) {
	t.Parallel()
	const most, workers, steps = 50, 4, 2000
	cache, now := lru.New[int, int](most), time.Now()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range steps {
				cache.Put(i%100, worker, 1, time.Time{})
				cache.Get((i+worker)%100, now)
				if i%7 == 0 {
					cache.Delete(i % 100)
				}
			}
		})
	}
	group.Wait()
	if size := cache.Size(); size > most {
		t.Errorf("size = %d", size)
	}
}
