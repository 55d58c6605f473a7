package httpwire_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpwire"
)

// TestMaxConnections: however many ask, there are no more connections, and all are served.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	const most, callers, each = 3, 20, 20
	s, transport := listen(t, answerAll), open(t, most)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range each {
				if _, err := ask(t.Context(), transport, http.MethodGet, s.url, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if s.mostOpen.Load() > most || s.requests.Load() != callers*each {
		t.Errorf("%d connections at once, %d requests", s.mostOpen.Load(), s.requests.Load())
	}
}

// TestLeave: whoever leaves while it waits, and be it at the moment when its turn comes, takes no connection with it.
func TestLeave(t *testing.T) {
	t.Parallel()
	const most, callers, each = 2, 16, 50
	s, transport := listen(t, answerAll), open(t, most)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range each {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(time.Millisecond))
				if _, err := ask(ctx, transport, http.MethodGet, s.url, nil); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	group.Wait()
	for range most { // all places are free
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
		response, err := transport.Exchange(request.Context(), request, time.Now().Add(patience), &decision{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
	}
}

// dialer makes connections without a network, when it is let.
type dialer struct {
	dialed, ended atomic.Int64
	answer        string
	// hangs makes a dial wait until it is released, or its context ends.
	hangs   func(number int64) bool
	release chan struct{}
	mu      sync.Mutex
	made    []*scripted
}

var errDial = errors.New("dial has failed")

func (d *dialer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if number := d.dialed.Add(1); d.hangs != nil && d.hangs(number) {
		select {
		case <-ctx.Done():
			d.ended.Add(1)
			return nil, ctx.Err()
		case <-d.release:
		}
	}
	if d.answer == "" {
		return nil, errDial
	}
	made := newScripted(d.answer, false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = append(d.made, made)
	return made, nil
}

// isClosed reports whether a connection is closed, by its number, which begins with 0.
func (d *dialer) isClosed(number int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	open, _ := d.made[number].lasts()
	return !open
}

func (d *dialer) transport(most int) *httpwire.Transport {
	return httpwire.New(httpwire.Config{Dial: d.dial, MaxConnections: most, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader})
}

const things = "http://things.test/"

// inBackground asks, and says what has come of it.
func inBackground(ctx context.Context, transport http.RoundTripper) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := ask(ctx, transport, http.MethodGet, things, nil)
		done <- err
	}()
	return done
}

// TestDialEnds: a dial ends with whoever asked for it, and who waits gets one of its own.
func TestDialEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{answer: okAnswer, hangs: func(number int64) bool { return number == 1 }}
		transport := d.transport(1)
		defer transport.Close()
		ctx, leave := context.WithCancelCause(t.Context())
		first := inBackground(ctx, transport)
		synctest.Wait()
		second := inBackground(t.Context(), transport)
		synctest.Wait()
		if d.dialed.Load() != 1 {
			t.Errorf("%d dials, want 1", d.dialed.Load())
		}
		leave(errGone)
		if err := <-first; !errors.Is(err, errGone) {
			t.Errorf("who left: %v", err)
		}
		if err := <-second; err != nil || d.dialed.Load() != 2 || d.ended.Load() != 1 {
			t.Errorf("who waited: %v; %d dials, %d ended", err, d.dialed.Load(), d.ended.Load())
		}
	})
}

// TestDials: as many are dialed as ask at once, and none is left over.
func TestDials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 5
		d := &dialer{answer: okAnswer, release: make(chan struct{}), hangs: func(number int64) bool { return number != 2 }}
		transport := d.transport(100)
		defer transport.Close()
		var responses [callers]*http.Response
		for number := range responses {
			go func() {
				request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, things, nil)
				responses[number], _ = transport.RoundTrip(request)
			}()
			synctest.Wait()
		}
		close(d.release)
		synctest.Wait()
		if d.dialed.Load() != callers {
			t.Errorf("%d dials, want %d", d.dialed.Load(), callers)
		}
		for _, response := range responses {
			_ = response.Body.Close()
		}
	})
}

// TestDialFails: its error is that of who asked for the dial, and the next one dials again.
func TestDialFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{release: make(chan struct{}), hangs: func(int64) bool { return true }}
		transport := d.transport(1)
		defer transport.Close()
		first := inBackground(t.Context(), transport)
		synctest.Wait()
		second := inBackground(t.Context(), transport)
		close(d.release)
		if one, other := <-first, <-second; !errors.Is(one, errDial) || !errors.Is(other, errDial) || d.dialed.Load() != 2 {
			t.Errorf("errors %v and %v after %d dials", one, other, d.dialed.Load())
		}
	})
}

// TestServedWhileDialing: who waits for a dial takes a connection that becomes free before, and that of the dial is kept for others.
func TestServedWhileDialing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{answer: okAnswer, release: make(chan struct{}), hangs: func(number int64) bool { return number == 2 }}
		transport := d.transport(2)
		defer transport.Close()
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, things, nil)
		held, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		d.made[0].again(okAnswer)
		second := inBackground(t.Context(), transport)
		synctest.Wait()
		if n, _ := held.Body.Read(make([]byte, 10)); n != 2 {
			t.Errorf("%d bytes", n)
		}
		if err := <-second; err != nil || len(d.made) != 1 {
			t.Errorf("error %v, %d connections", err, len(d.made))
		}
		close(d.release)
		synctest.Wait()
		if len(d.made) != 2 || d.isClosed(1) {
			t.Error("what was dialed is not kept")
		}
	})
}

// TestIdle: a connection that nobody uses is closed after a while, and all are when the transport is; there are no more than may be.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{answer: okAnswer}
		transport := d.transport(2)
		for number, host := range []string{"a.test", "b.test", "c.test"} {
			if _, err := ask(t.Context(), transport, http.MethodGet, "http://"+host, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			if number == 2 && !d.isClosed(0) || d.isClosed(number) {
				t.Error("another one was closed than that which is idle for longest")
			}
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !d.isClosed(1) || d.isClosed(2) {
			t.Error("70 seconds idle, 50 seconds idle: not closed, or closed")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !d.isClosed(2) {
			t.Error("not closed after 70 seconds")
		}
		if err := <-inBackground(t.Context(), transport); err != nil || d.isClosed(3) {
			t.Errorf("error %v", err)
		}
		transport.Close()
		if !d.isClosed(3) {
			t.Error("not closed with the transport")
		}
		if err := <-inBackground(t.Context(), transport); err != nil || !d.isClosed(4) {
			t.Errorf("kept by a closed transport, or error %v", err)
		}
	})
}

// TestNoTime: nothing is dialed for who has left already.
func TestNoTime(t *testing.T) {
	t.Parallel()
	d := &dialer{answer: okAnswer}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	if err := <-inBackground(ctx, d.transport(1)); !errors.Is(err, errGone) || d.dialed.Load() != 0 {
		t.Errorf("error %v after %d dials", err, d.dialed.Load())
	}
}

// TestLate: a request whose time is up leaves the connections to others that have some.
func TestLate(t *testing.T) {
	t.Parallel()
	const connections = 3
	s, transport := listen(t, answerAll), open(t, connections)
	useAll := func() {
		var bodies []io.ReadCloser
		for range connections {
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
			response, err := transport.Exchange(request.Context(), request, time.Now().Add(patience), &decision{})
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, response.Body)
		}
		for _, body := range bodies {
			_, _ = io.Copy(io.Discard, body)
			_ = body.Close()
		}
	}
	useAll()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	response, err := transport.Exchange(request.Context(), request, time.Now().Add(-time.Second), &decision{})
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
	useAll()
	if s.accepted.Load() != connections {
		t.Errorf("%d connections, want %d", s.accepted.Load(), connections)
	}
}
