package edge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a client may take to send a request and to take the answer, so that one that trickles holds no room that others
// need.
type Patience struct {
	// Look is how often a request that is being read is looked at. Least bytes have to have come in between, unless that was all.
	Look  time.Duration
	Least int64
	// Answer is how long everything may take from the beginning, to the last byte of the answer.
	Answer time.Duration
}

// Handler ends the reading of requests that come too slowly, and the writing of answers that are not taken. A request is looked at
// from the moment that next begins to read it. It is given another body, so it has to be the caller's own copy.
func (p Patience) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &pacedBody{ReadCloser: r.Body, patience: p, writer: w, answerBy: time.Now().Add(p.Answer)}
		r.Body = body
		body.begin()
		defer body.end()
		next.ServeHTTP(w, r)
	})
}

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0) //nolint:gochecknoglobals // a constant, but for the language

// errTooSlow is told to clients; the connection's own error would tell of addresses.
var errTooSlow = fmt.Errorf("the request comes too slowly: %w", os.ErrDeadlineExceeded)

// pacedBody is a body that ends if too little of it comes. A timer looks at it, and at how long the answer takes: that costs less than
// deadlines of the connection, for each read and for each write.
type pacedBody struct {
	io.ReadCloser

	patience Patience
	// read are the bytes that have come.
	read    atomic.Int64
	started bool // only for the goroutine that reads

	mu sync.Mutex
	// writer is nil once the request has been answered, since it must not be used any more.
	writer http.ResponseWriter
	timer  *time.Timer
	state  reading
	// looked is when the body was looked at, and seen are the bytes that had come by then.
	looked time.Time
	seen   int64
	// answerBy is when the answer has to be taken; zero once that has passed.
	answerBy time.Time
}

// reading is how far the reading of a body is.
type reading int

const (
	unread reading = iota
	underway
	ended
)

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if !b.started {
		b.started = true
		b.turn(underway)
	}
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err != nil {
		b.turn(ended)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errTooSlow
	}
	return n, err
}

func (b *pacedBody) turn(state reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = state
	if state == underway {
		b.looked = time.Now()
	}
}

func (b *pacedBody) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(min(b.patience.Look, b.patience.Answer), b.look)
}

// look is done by the timer, until there is nothing to wait for.
func (b *pacedBody) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writer == nil {
		return // it has been answered meanwhile
	}
	now := time.Now()
	if !b.answerBy.IsZero() && !now.Before(b.answerBy) {
		_ = http.NewResponseController(b.writer).SetWriteDeadline(aLongTimeAgo) // the client has gone
		b.answerBy = time.Time{}
	}
	if b.state == underway && now.Sub(b.looked) >= b.patience.Look {
		b.lookAtBody(now)
	}
	if next := b.next(now); !next.IsZero() {
		b.timer.Reset(next.Sub(now))
	}
}

func (b *pacedBody) lookAtBody(now time.Time) {
	read := b.read.Load()
	if read-b.seen < b.patience.Least {
		_ = http.NewResponseController(b.writer).SetReadDeadline(aLongTimeAgo) // the client has gone
		b.state = ended
		return
	}
	b.looked, b.seen = now, read
}

// next is when there is something to look at again; zero for never.
func (b *pacedBody) next(now time.Time) time.Time {
	look := b.looked.Add(b.patience.Look)
	switch b.state {
	case ended:
		return b.answerBy
	case unread: // it may begin at once
		look = now.Add(b.patience.Look)
	}
	if b.answerBy.IsZero() || look.Before(b.answerBy) {
		return look
	}
	return b.answerBy
}

// end says that the request has been answered.
func (b *pacedBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	b.writer = nil
}
