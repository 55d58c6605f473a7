package httpwire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

var errGone = errors.New("caller has left")

// TestCancel: wherever an exchange is when its context ends, its error is the cause, its connection is closed, and it holds no place.
func TestCancel(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("x"), 32<<20)
	for name, phase := range map[string]struct {
		serve func(*peer, chan<- struct{})
		body  []byte
	}{
		"head":         {func(p *peer, reached chan<- struct{}) { p.next(); close(reached); p.wait() }, nil},
		"part of head": {func(p *peer, reached chan<- struct{}) { p.next(); p.say("HTTP/1.1 2"); close(reached); p.wait() }, nil},
		"body": {func(p *peer, reached chan<- struct{}) {
			p.next()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
			close(reached)
			p.wait()
		}, nil},
		"chunk": {func(p *peer, reached chan<- struct{}) {
			p.next()
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{")
			close(reached)
			p.wait()
		}, nil},
		"write": {func(p *peer, reached chan<- struct{}) { _, _ = p.reader.ReadByte(); close(reached); <-p.left; p.wait() }, long},
	} {
		for _, how := range []string{"cancel", "deadline"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				reached, left := make(chan struct{}), make(chan struct{})
				s := listen(t, func(p *peer) {
					p.left = left
					if p.server.accepted.Load() == 1 {
						phase.serve(p, reached)
						return
					}
					answerAll(p)
				})
				transport := open(t, 1)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan error, 1)
				end, want := time.Time{}, errGone
				if how == "deadline" {
					end, want = time.Now().Add(20*time.Millisecond), context.DeadlineExceeded
				}
				go func() {
					done <- readAll(ctx, func(r *http.Request) (*http.Response, error) {
						return transport.Exchange(r.Context(), r, end, &decision{})
					}, s.url, phase.body)
				}()
				if how == "cancel" {
					await(t, reached)
					cancel(errGone)
				}
				err := await(t, done)
				close(left)
				if !errors.Is(err, want) {
					t.Errorf("error = %v, want %v", err, want)
				}
				until(t, "the connection is closed", func() bool { return s.open.Load() == 0 })
				succeed(t, transport, http.MethodGet, s.url)
			})
		}
	}
}

func readAll(ctx context.Context, send func(*http.Request) (*http.Response, error), url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := send(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// TestEarlyAnswer: who answers before it has read the request is heard, whether it closes the connection or reads no further, and the
// connection is not used again.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	const large = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n{}"
	for name, after := range map[string]func(*peer){
		"closes":           func(*peer) {},
		"resets":           func(p *peer) { _ = p.SetLinger(0) },
		"reads no further": func(p *peer) { <-p.left },
	} {
		for _, size := range []int{1 << 10, 32 << 20} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := listen(t, func(p *peer) {
					if p.server.accepted.Load() > 1 {
						answerAll(p)
						return
					}
					_, _ = http.ReadRequest(p.reader)
					p.say(large)
					after(p)
				})
				transport := open(t, 1)
				status, err := ask(t.Context(), transport, http.MethodPost, s.url, bytes.NewReader(make([]byte, size)))
				if name == "resets" && err != nil {
					return // the reset may have thrown the answer away
				}
				if status != http.StatusRequestEntityTooLarge || err != nil {
					t.Errorf("status %d, error %v", status, err)
				}
				if size > 1<<20 {
					succeed(t, transport, http.MethodGet, s.url)
					until(t, "the first connection is closed", func() bool { return s.accepted.Load() == 2 })
				}
			})
		}
	}
}

// TestClose: a body that is not read to its end takes its connection with it.
func TestClose(t *testing.T) {
	t.Parallel()
	s := listen(t, func(p *peer) {
		for p.next() {
			p.say(okAnswer[:len(okAnswer)-1])
			if p.server.accepted.Load() > 1 {
				p.say("}")
			}
		}
	})
	transport := open(t, 1)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if _, err := response.Body.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a closed body is read: %v", err)
	}
	succeed(t, transport, http.MethodGet, s.url)
}
