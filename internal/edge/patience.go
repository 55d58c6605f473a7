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
// from the moment that next begins to read it.
func (p Patience) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &pacedBody{ReadCloser: r.Body, patience: p, control: http.NewResponseController(w)}
		answer := time.AfterFunc(p.Answer, body.endAnswer)
		defer answer.Stop()
		defer body.end()
		paced := new(http.Request)
		*paced = *r
		paced.Body = body
		next.ServeHTTP(w, paced)
	})
}

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0) //nolint:gochecknoglobals // a constant, but for the language

// errTooSlow is told to clients; the connection's own error would tell of addresses.
var errTooSlow = fmt.Errorf("the request comes too slowly: %w", os.ErrDeadlineExceeded)

// pacedBody is a body that ends if too little of it comes. A timer looks at it: that costs less than a deadline of the connection
// for each read.
type pacedBody struct {
	io.ReadCloser

	patience Patience
	// read are the bytes that have come.
	read    atomic.Int64
	started bool // only for the goroutine that reads

	mu sync.Mutex
	// control is nil once the request has been answered, since it must not be used any more.
	control *http.ResponseController
	// timer looks at the body; nil if it has not been read, or has ended. seen are the bytes at the last look.
	timer *time.Timer
	seen  int64
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if !b.started {
		b.started = true
		b.start()
	}
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err != nil {
		b.stop()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errTooSlow
	}
	return n, err
}

func (b *pacedBody) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(b.patience.Look, b.look)
}

func (b *pacedBody) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	read := b.read.Load()
	switch {
	case b.timer == nil || b.control == nil: // it has ended meanwhile
	case read-b.seen < b.patience.Least:
		_ = b.control.SetReadDeadline(aLongTimeAgo) // the client has gone
	default:
		b.seen = read
		b.timer.Reset(b.patience.Look)
	}
}

// stop ends looking.
func (b *pacedBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}

// endAnswer ends the writing of an answer that takes too long.
func (b *pacedBody) endAnswer() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.control != nil {
		_ = b.control.SetWriteDeadline(aLongTimeAgo) // the client has gone
	}
}

// end says that the request has been answered.
func (b *pacedBody) end() {
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.control = nil
}
