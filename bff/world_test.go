package bff

import (
	"sync"
	"testing"
	"time"
)

// TestEnter swaps worlds under requests: no request is in a world that is unused, and every world becomes unused.
func TestEnter(t *testing.T) {
	t.Parallel()
	const swaps, requests = 1000, 4
	open := func() *world {
		w := &world{unused: make(chan struct{})}
		w.users.Store(1)
		return w
	}
	s := &Server{}
	s.current.Store(open())
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range requests {
		group.Go(func() {
			for {
				w := s.enter()
				select {
				case <-w.unused:
					t.Error("a request is in a world that is unused")
				default:
				}
				w.leave()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	deadline := time.After(30 * time.Second)
	for range swaps {
		older := s.current.Swap(open())
		older.leave()
		select {
		case <-older.unused:
		case <-deadline:
			t.Fatal("a world is in use for ever")
		}
	}
	close(stop)
	group.Wait()
}
