package httpwire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpwire"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// server gives each connection to a function, and counts what comes.
type server struct {
	url                      string
	accepted, open, mostOpen atomic.Int64
	requests                 atomic.Int64
	serving                  sync.WaitGroup
}

// peer is a connection to it.
type peer struct {
	*net.TCPConn
	reader *bufio.Reader
	server *server
	// left is closed when the client has given up, or the test ends.
	left <-chan struct{}
}

// next reads a request with its body; false at the end.
func (p *peer) next() bool {
	request, err := http.ReadRequest(p.reader)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, request.Body)
	p.server.requests.Add(1)
	return true
}

func (p *peer) say(text string) { _, _ = io.WriteString(p, text) }

// wait waits until the client closes the connection.
func (p *peer) wait() { _, _ = io.Copy(io.Discard, p.reader) }

func listen(t *testing.T, serve func(*peer)) *server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{url: "http://" + listener.Addr().String() + "/"}
	s.serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			if open := s.open.Add(1); open > s.mostOpen.Load() {
				s.mostOpen.Store(open)
			}
			s.serving.Go(func() {
				defer s.open.Add(-1)
				defer func() { _ = connection.Close() }()
				serve(&peer{TCPConn: connection.(*net.TCPConn), reader: bufio.NewReader(connection), server: s, left: t.Context().Done()})
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		s.serving.Wait()
	})
	return s
}

// answerAll answers every request.
func answerAll(p *peer) {
	for p.next() {
		p.say(okAnswer)
	}
}

func open(t *testing.T, most int) *httpwire.Transport {
	t.Helper()
	transport := httpwire.New(httpwire.Config{Dial: new(net.Dialer).DialContext, MaxConnections: most, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader})
	t.Cleanup(transport.Close)
	return transport
}

// ask makes an exchange, and reads the answer.
func ask(ctx context.Context, transport http.RoundTripper, method, url string, body io.Reader) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func succeed(t *testing.T, transport http.RoundTripper, method, url string) {
	t.Helper()
	if status, err := ask(t.Context(), transport, method, url, nil); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, error %v", status, err)
	}
}

const patience = 20 * time.Second

func await[T any](t *testing.T, event <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-event:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
	return got
}

// until waits for what others do.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not: " + what)
		}
	}
}

// TestReuse: exchanges that follow each other share a connection.
func TestReuse(t *testing.T) {
	t.Parallel()
	s, transport := listen(t, answerAll), open(t, 10)
	for range 10 {
		succeed(t, transport, http.MethodGet, s.url)
		succeed(t, transport, http.MethodPost, s.url)
	}
	if s.accepted.Load() != 1 {
		t.Errorf("%d connections, want 1", s.accepted.Load())
	}
}

// TestNotReused: a kept connection on which something has come, or whose end has, is not used: not even a write fails for it.
func TestNotReused(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"closes": "", "another answer": strings.Replace(okAnswer, "200", "404", 1), "a byte": "\n", "408": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin, done := make(chan struct{}), make(chan struct{})
			s := listen(t, func(p *peer) {
				if !p.next() {
					return
				}
				p.say(okAnswer)
				if p.server.accepted.Load() > 1 {
					return
				}
				<-begin
				p.say(after)
				if after == "" {
					_ = p.CloseWrite()
				}
				close(done)
				p.wait()
			})
			transport := open(t, 10)
			succeed(t, transport, http.MethodPost, s.url)
			close(begin)
			await(t, done)
			succeed(t, transport, http.MethodPost, s.url)
			if s.accepted.Load() != 2 || s.requests.Load() != 2 {
				t.Errorf("%d connections and %d requests, want 2 each", s.accepted.Load(), s.requests.Load())
			}
			until(t, "the first connection is closed", func() bool { return s.open.Load() == 0 })
		})
	}
}

// decision is a sending that may be repeated, or not.
type decision struct {
	may              bool
	connected, asked int
	written          bool
}

func (d *decision) Connected() { d.connected++ }

func (d *decision) MayRepeat(written bool) bool {
	d.asked++
	d.written = written
	return d.may
}

// TestStale: a request whose kept connection breaks before anything of an answer has come is sent once more, if it may be.
func TestStale(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		may      bool
		reset    bool
		body     string
		requests int64
	}{"repeated": {true, false, "", 3}, "not repeated": {false, false, "", 2}, "reset": {true, true, "", 3}, "long body": {true, false, strings.Repeat("x", 100_000), 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, func(p *peer) {
				if p.next() {
					p.say(okAnswer)
				}
				if p.next() && test.reset {
					_ = p.SetLinger(0)
				}
			})
			transport := open(t, 10)
			succeed(t, transport, http.MethodGet, s.url)
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(test.body))
			sending := &decision{may: test.may}
			response, err := transport.Exchange(request.Context(), request, time.Time{}, sending)
			if (err == nil) != test.may {
				t.Errorf("error = %v", err)
			}
			if err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
			if s.requests.Load() != test.requests || sending.asked != 1 || !sending.written || int64(sending.connected) != test.requests-1 {
				t.Errorf("%d requests, sending %+v", s.requests.Load(), sending)
			}
		})
	}
}

// TestNotStale: nothing is sent again after a byte of an answer, on a new connection, or when somebody has ended the exchange.
func TestNotStale(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*peer){
		"new connection": func(p *peer) { p.next() },
		"a byte":         func(p *peer) { p.next(); p.say(okAnswer); p.next(); p.say("H") },
		"hangs":          func(p *peer) { p.next(); p.say(okAnswer); p.wait() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, transport := listen(t, serve), open(t, 10)
			if name != "new connection" {
				succeed(t, transport, http.MethodGet, s.url)
			}
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
			sending := &decision{may: true}
			end := time.Now().Add(patience)
			if name == "hangs" {
				end = time.Now().Add(10 * time.Millisecond)
			}
			_, err := transport.Exchange(request.Context(), request, end, sending)
			if err == nil || sending.asked != 0 || errors.Is(err, context.DeadlineExceeded) != (name == "hangs") {
				t.Errorf("error %v, sending %+v", err, sending)
			}
		})
	}
}
