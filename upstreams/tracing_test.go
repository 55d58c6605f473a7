package upstreams

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestHandshakeAtEnd: an attempt that ends interrupts a handshake. If that had just been done, others can use the connection.
func TestHandshakeAtEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _, _ = ours.Close(), theirs.Close() }()
		attempt := (&sending{ctx: t.Context()}).trace(true)
		attempt.hold(ours)
		attempt.abandon(errNotRepeated)
		synctest.Wait()
		if _, err := ours.Write([]byte("x")); err == nil {
			t.Error("the handshake goes on")
		}
		attempt.release() // it had been done when the attempt ended
		go func() {
			time.Sleep(time.Second)
			_, _ = theirs.Read(make([]byte, 1))
		}()
		if _, err := ours.Write([]byte("x")); err != nil {
			t.Errorf("the connection is of no use: %v", err)
		}
	})
}
