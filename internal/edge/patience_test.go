package edge_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/edge"
)

// line is a connection whose client sends what is written to it.
type line struct {
	http.ResponseWriter

	*io.PipeWriter

	written bool
}

func (l *line) Write(p []byte) (int, error) { return l.ResponseWriter.Write(p) }
func (l *line) SetReadDeadline(time.Time) error {
	return l.CloseWithError(os.ErrDeadlineExceeded)
}
func (l *line) SetWriteDeadline(deadline time.Time) error {
	l.written = deadline.Before(time.Now())
	return nil
}

// TestPatience: a request ends when too little of it comes, and not before.
func TestPatience(t *testing.T) {
	t.Parallel()
	patience := edge.Patience{Look: 5 * time.Second, Least: 100, Answer: time.Hour}
	for name, test := range map[string]struct {
		chunk  int
		every  time.Duration
		chunks int
		ended  time.Duration // when reading ended; 0 for when everything had come
	}{
		"at once":             {10, 0, 1, 0},
		"nothing":             {0, 0, 0, 5 * time.Second},
		"a drop a second":     {1, time.Second, 60, 5 * time.Second},
		"fast enough":         {100, 4 * time.Second, 20, 0},
		"slow but soon there": {10, time.Second, 4, 0},
		"stops in the middle": {1000, time.Second, 3, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				reader, writer := io.Pipe()
				sent := make(chan struct{})
				defer func() { <-sent }()
				go func() {
					defer close(sent)
					for range test.chunks {
						time.Sleep(test.every)
						if _, err := io.WriteString(writer, strings.Repeat("x", test.chunk)); err != nil {
							return
						}
					}
					if test.ended == 0 {
						_ = writer.Close()
					}
				}()
				request := httptest.NewRequest(http.MethodPost, "/", reader)
				patience.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(r.Body)
					if isLate := errors.Is(err, os.ErrDeadlineExceeded); isLate != (test.ended > 0) {
						t.Errorf("error = %v", err)
					}
					if after := time.Since(begun); test.ended > 0 && after != test.ended {
						t.Errorf("ended after %s, want %s", after, test.ended)
					}
				})).ServeHTTP(&line{ResponseWriter: httptest.NewRecorder(), PipeWriter: writer}, request)
			})
		})
	}
}

// TestPatienceAfterwards: nothing is done to a connection whose request has been answered, and reading what has come sets no bound on
// the time to answer but Answer.
func TestPatienceAfterwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		patience := edge.Patience{Look: time.Second, Least: 100, Answer: time.Minute}
		_, writer := io.Pipe()
		control := &line{ResponseWriter: httptest.NewRecorder(), PipeWriter: writer}
		serve := func(took time.Duration, read bool) {
			request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
			patience.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if read {
					if _, err := io.ReadAll(r.Body); err != nil {
						t.Error(err)
					}
				} else {
					_, _ = r.Body.Read(make([]byte, 1))
				}
				time.Sleep(took)
			})).ServeHTTP(control, request)
			time.Sleep(time.Hour)
		}
		serve(59*time.Second, true)
		serve(0, false)
		if control.written {
			t.Error("the answer was ended")
		}
		serve(61*time.Second, true)
		if !control.written {
			t.Error("the answer went on")
		}
	})
}

// pipes is a listener without a network.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestPatienceOfServer: over both versions of HTTP, a client that sends nothing more gets its answer when patience ends, and one that
// has sent all may wait for longer.
func TestPatienceOfServer(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			protocols := new(http.Protocols)
			protocols.SetHTTP1(!http2)
			protocols.SetUnencryptedHTTP2(http2)
			patience := edge.Patience{Look: 5 * time.Second, Least: 100, Answer: time.Hour}
			server := &http.Server{Protocols: protocols, ReadTimeout: time.Minute, Handler: patience.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					http.Error(w, err.Error(), http.StatusRequestTimeout)
					return
				}
				time.Sleep(30 * time.Second)
				if r.Context().Err() != nil {
					t.Error("the request ended while it was served")
				}
			}))}
			listener := make(pipes)
			go func() { _ = server.Serve(listener) }()
			transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				listener <- far
				return near, nil
			}}
			send := func(body io.Reader) (int, string, time.Duration) {
				begun := time.Now()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/", body)
				if err != nil {
					t.Fatal(err)
				}
				response, err := transport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				told, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil {
					t.Error(err)
				}
				return response.StatusCode, string(told), time.Since(begun)
			}
			if status, _, took := send(strings.NewReader("all of it")); status != http.StatusOK || took != 30*time.Second {
				t.Errorf("HTTP/2 %v: %d after %s", http2, status, took)
			}
			silent, writer := io.Pipe()
			if status, told, took := send(silent); status != http.StatusRequestTimeout || told != "the request comes too slowly: i/o timeout\n" || took != 5*time.Second {
				t.Errorf("HTTP/2 %v, silent: %d %q after %s", http2, status, told, took)
			}
			_ = writer.Close()
			transport.CloseIdleConnections()
			_ = server.Close()
		})
	}
}
