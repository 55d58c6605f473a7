package httpwire_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/internal/httpwire"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // net/http logs what it does not expect
	goleak.VerifyTestMain(m)
}

// scripted is a connection without a network: when something has been written, it answers with a text, and then ends or is silent.
type scripted struct {
	mu      sync.Mutex
	changed *sync.Cond
	answer  []byte
	ends    bool
	// waitsFor is how many bytes must have been written, besides one.
	waitsFor int
	written  []byte
	closed   bool
	expired  bool
}

func newScripted(answer string, ends bool) *scripted {
	s := &scripted{answer: []byte(answer), ends: ends}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *scripted) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.written = append(s.written, data...)
	s.changed.Broadcast()
	return len(data), nil
}

func (s *scripted) Read(buffer []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.expired:
			return 0, os.ErrDeadlineExceeded
		case len(s.written) > s.waitsFor && len(s.answer) > 0:
			n := copy(buffer, s.answer)
			s.answer = s.answer[n:]
			return n, nil
		case len(s.written) > s.waitsFor && s.ends:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
	return nil
}

// SetDeadline knows only the past.
func (s *scripted) SetDeadline(deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = !deadline.IsZero() && deadline.Before(time.Now())
	s.changed.Broadcast()
	return nil
}

func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// lasts reports whether the connection is open, and has nothing left to say; known is false if it has.
func (s *scripted) lasts() (open, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed, len(s.answer) == 0
}

func (s *scripted) dial(context.Context, string, string) (net.Conn, error) { return s, nil }

const maxHeader = 64 << 10

func wireOver(dial func(context.Context, string, string) (net.Conn, error)) *httpwire.Transport {
	return httpwire.New(httpwire.Config{Dial: dial, MaxConnections: 2, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader})
}

// standardOver is the one that the other is held against.
func standardOver(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: dial, MaxConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxHeader}
}

// again makes it answer what is written from now on.
func (s *scripted) again(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitsFor, s.answer = len(s.written), []byte(answer)
}
