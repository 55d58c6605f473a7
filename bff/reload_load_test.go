package bff_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
)

// TestReloadUnderLoad reloads 200 times while clients of three protocols call over two versions of HTTP: no call fails, every answer is
// one of the two that the files say, and afterwards nothing is left of the worlds in between. It has the process to itself, to
// count what is left.
func TestReloadUnderLoad(t *testing.T) { //nolint:paralleltest // it counts goroutines and memory
	const reloads, warm = 200, 10
	g := newGreeter(t)
	h := serve(t, g.dir, bff.WithLogger(slog.New(slog.DiscardHandler)))
	load := startLoad(t, h)
	reload := func(i int) {
		from, to := "person.old", "person.new"
		if i%2 == 1 {
			from, to = to, from
		}
		g.change(t, "bindings/greet.yaml", from, to)
		if _, err := h.server.Reload(withDeadline(t)); err != nil {
			t.Fatal(err)
		}
		load.awaitCall(t, i)
	}
	for i := range warm {
		reload(i)
	}
	opened := g.opened.Load()
	before := measure()
	var alive []func() bool
	for i := range reloads {
		alive = append(alive, h.server.World())
		reload(i)
	}
	load.stop()
	t.Logf("%d calls, %d old and %d new", load.old.Load()+load.new.Load(), load.old.Load(), load.new.Load())
	if load.old.Load() == 0 || load.new.Load() == 0 {
		t.Error("only one of the two answers was given")
	}
	if more := g.opened.Load() - opened; more > int64(len(load.callers)) {
		t.Errorf("%d more connections to the upstream", more)
	}
	eventually(t, "the old worlds are gone", func() bool {
		runtime.GC()
		for _, one := range alive {
			if one() {
				return false
			}
		}
		return true
	})
	after := measure()
	t.Logf("heap %d KiB before and %d KiB after, goroutines %d and %d", before.heap>>10, after.heap>>10, before.goroutines, after.goroutines)
	if room := uint64(4 << 20); after.heap > before.heap+room {
		t.Errorf("heap has grown from %d to %d KiB", before.heap>>10, after.heap>>10)
	}
	eventually(t, "the goroutines are as many as before", func() bool { return runtime.NumGoroutine() <= before.goroutines })
	if users := h.server.Users(); users != 0 {
		t.Errorf("%d requests are counted as in flight", users)
	}
}

// measured is what a process uses.
type measured struct {
	heap       uint64
	goroutines int
}

func measure() measured {
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return measured{stats.HeapAlloc, runtime.NumGoroutine()}
}

// load is clients that call without a pause.
type load struct {
	callers  []*atomic.Int64 // how often each has called
	old, new atomic.Int64
	stop     func()
}

func startLoad(t *testing.T, h *house) *load {
	t.Helper()
	l := &load{}
	stopped := make(chan struct{})
	var group sync.WaitGroup
	for _, client := range []*http.Client{h.http1, h.h2c} {
		for _, protocol := range [][]connect.ClientOption{nil, {connect.WithGRPC()}, {connect.WithGRPCWeb()}} {
			if client == h.http1 && len(protocol) > 0 {
				continue
			}
			calls := &atomic.Int64{}
			l.callers = append(l.callers, calls)
			group.Go(func() {
				for !isClosed(stopped) {
					ctx, cancel := context.WithTimeout(context.Background(), deadline)
					text, err := greet(ctx, client, h.url, "x", protocol...)
					cancel()
					l.count(t, text, err)
					calls.Add(1)
				}
			})
		}
	}
	l.stop = sync.OnceFunc(func() {
		close(stopped)
		group.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// count takes the result of a call.
func (l *load) count(t *testing.T, text string, err error) {
	t.Helper()
	switch {
	case err != nil:
		t.Errorf("a call failed: %v", err)
	case text == "old":
		l.old.Add(1)
	case text == "new":
		l.new.Add(1)
	default:
		t.Errorf("a call got %q", text)
	}
}

// awaitCall waits until one of the clients, each in its turn, has called again.
func (l *load) awaitCall(t *testing.T, turn int) {
	t.Helper()
	caller := l.callers[turn%len(l.callers)]
	least := caller.Load() + 1
	eventually(t, fmt.Sprintf("a client has called %d times", least), func() bool { return caller.Load() >= least })
}
