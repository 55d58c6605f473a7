package httpwire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// exchange is a request that was sent, and its answer, whose body it is.
type exchange struct {
	response   http.Response
	connection *connection
	ctx        context.Context
	// writing gets the outcome of a long body; nil without one.
	writing <-chan error
	// rest is what is left of a body of declared length, and framed reads any other; nil for that.
	rest   int64
	framed io.ReadCloser
	// lasting is set if the connection may be used again, once the body has been read.
	lasting bool
	// err is what every further read gets.
	err error
}

// exchange sends a request and reads the head of its answer. The error of a kept connection that broke before that is a *staleError. The
// connection goes back or is closed when the answer's body ends, or at once if there is none.
func (c *connection) exchange(message *message) (*http.Response, error) {
	c.head, c.unbounded, c.arrived, c.broken = c.pool.config.MaxHeaderBytes, false, false, nil
	made := &exchange{connection: c, ctx: message.ctx, lasting: true}
	c.interruption.Attach(message.ctx)
	written, err := made.send(message)
	// An answer goes before the error of what it was an answer to: who refuses a long body closes the connection.
	if readErr := made.readHead(message.request); readErr != nil {
		return nil, made.failed(written, err, readErr)
	}
	made.lasting = made.lasting && err == nil
	c.unbounded = true
	made.response.Request = message.request
	if made.err == io.EOF { //nolint:errorlint // it is ours
		made.finish()
		return &made.response, nil
	}
	made.response.Body = made
	if message.unzips && strings.EqualFold(made.response.Header.Get("Content-Encoding"), "gzip") {
		unzip(&made.response)
	}
	return &made.response, nil
}

// send writes the request, but a long body in a goroutine of its own, since who answers early may not read it. It reports whether some
// of it may have arrived.
func (x *exchange) send(message *message) (written bool, err error) {
	n, err := x.connection.Write(message.bytes)
	if err != nil || message.long == nil {
		return n > 0, err
	}
	outcome := make(chan error, 1)
	x.writing = outcome
	body, length, connection := message.take(), message.request.ContentLength, x.connection
	go func() {
		defer func() { _ = body.Close() }() // it has been read
		sent, err := io.Copy(connection.Conn, io.LimitReader(body, length))
		if more, _ := body.Read(make([]byte, 1)); err == nil && (sent < length || more > 0) {
			err = errLength
			_ = connection.Close() // nobody can tell where it ends
		}
		outcome <- err
	}()
	return true, nil
}

// failed ends an exchange without an answer, and says why there is none.
func (x *exchange) failed(written bool, sending, reading error) error {
	c := x.connection
	x.abort()
	if end := x.end(sending); end != nil {
		return end
	}
	if reading == io.EOF { //nolint:errorlint // readers do not wrap it
		reading = io.ErrUnexpectedEOF
	}
	err := fmt.Errorf("read answer: %w", reading)
	if sending != nil {
		err = fmt.Errorf("write request: %w; %w", sending, err)
	}
	if _, long := errors.AsType[errTooLong](err); c.reused && !c.arrived && !long && !errors.Is(err, errLength) {
		return &staleError{err: err, written: written}
	}
	return err
}

// end is why there is no time left, if that is what a write or the last read has failed for; nil if it is not. Readers keep the error
// of a read to themselves where they find fault with what came before it.
func (x *exchange) end(writing error) error {
	switch {
	case x.ctx.Err() != nil:
		return context.Cause(x.ctx)
	case errors.Is(writing, os.ErrDeadlineExceeded) || errors.Is(x.connection.broken, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// abort closes the connection, and waits until nobody sends the body any more.
func (x *exchange) abort() {
	x.connection.interruption.Detach()
	x.connection.pool.drop(x.connection)
	if x.writing != nil {
		x.wrote(0)
	}
}

// finish gives the connection back, if it can be used again.
func (x *exchange) finish() {
	const patience = 50 * time.Millisecond // as of net/http, for a goroutine that is about to end
	if !x.connection.interruption.Detach() || !x.lasting || x.connection.reader.Buffered() > 0 || x.writing != nil && !x.wrote(patience) {
		x.abort()
		return
	}
	x.connection.pool.put(x.connection)
}

// wrote waits for a long body to be sent, as long as is said; 0 for as long as it takes. It reports whether all was.
func (x *exchange) wrote(patience time.Duration) bool {
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-x.writing:
		x.writing = nil
		return err == nil
	case <-late:
		return false
	}
}

// Read reads the body.
func (x *exchange) Read(buffer []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.read(buffer)
	if err == nil {
		return n, nil
	}
	if x.err = err; errors.Is(err, io.EOF) {
		x.finish()
	} else {
		x.abort()
		x.err = cmp.Or(x.end(nil), err)
	}
	return n, x.err
}

func (x *exchange) read(buffer []byte) (int, error) {
	if x.framed != nil {
		return x.framed.Read(buffer)
	}
	n, err := x.connection.reader.Read(buffer[:min(int64(len(buffer)), x.rest)])
	x.rest -= int64(n)
	switch {
	case x.rest == 0:
		return n, io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

var errClosed = errors.New("body is closed")

// Close closes the connection, unless the body has been read to its end.
func (x *exchange) Close() error {
	if x.err == nil {
		x.err = errClosed
		x.abort()
	}
	return nil
}
