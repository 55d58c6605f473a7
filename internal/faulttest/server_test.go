package faulttest_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faulty is an upstream that misbehaves. It counts its connections, what it was asked, and what it could send.
type faulty struct {
	listener net.Listener
	serve    func(*peer)
	accepted atomic.Int64
	asked    atomic.Int64
	open     atomic.Int64
	written  atomic.Int64
	serving  sync.WaitGroup
}

// peer is a connection to the upstream, with as little as possible in the system's buffers.
type peer struct {
	net.Conn
	reader *bufio.Reader
	faulty *faulty
}

func (p *peer) Write(data []byte) (int, error) {
	n, err := p.Conn.Write(data)
	p.faulty.written.Add(int64(n))
	return n, err
}

// say sends text.
func (p *peer) say(text string) { _, _ = io.WriteString(p, text) }

// forever sends text until the client has had enough.
func (p *peer) forever(text string) {
	for {
		if _, err := io.WriteString(p, text); err != nil {
			return
		}
	}
}

// hang does nothing until the client closes the connection.
func (p *peer) hang() { _, _ = io.Copy(io.Discard, p.reader) }

// trickle sends a byte now and then until the client has had enough.
func (p *peer) trickle(text string) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		p.hang()
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		p.say(text)
		select {
		case <-gone:
			return
		case <-ticker.C:
		}
	}
}

// reset makes the connection end with a reset instead of an orderly end.
func (p *peer) reset() {
	if secure, ok := p.Conn.(*tls.Conn); ok {
		_ = secure.NetConn().(*net.TCPConn).SetLinger(0)
		return
	}
	_ = p.Conn.(*net.TCPConn).SetLinger(0)
}

// handler serves the connection with net/http, so that the misbehaviour is in the content alone.
func handler(handle http.HandlerFunc) func(*peer) {
	return func(p *peer) {
		closed := make(chan struct{})
		server := &http.Server{Handler: handle, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(closed)
			}
		}}
		listener := &oneConnection{connection: p.Conn, counted: p, closed: closed}
		_ = server.Serve(listener)
		_ = server.Close()
	}
}

// oneConnection is a listener that accepts one connection, and no other until that is closed.
type oneConnection struct {
	connection net.Conn
	counted    *peer
	closed     chan struct{}
	given      bool
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		if _, secure := l.connection.(*tls.Conn); secure {
			return l.connection, nil // net/http knows HTTP/2 by the type
		}
		return l.counted, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error   { return nil }
func (l *oneConnection) Addr() net.Addr { return l.connection.LocalAddr() }

// request reads a request before the upstream answers.
func request(answer func(*peer)) func(*peer) {
	return func(p *peer) {
		if request, err := http.ReadRequest(p.reader); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			p.faulty.asked.Add(1)
			answer(p)
		}
	}
}

// start listens until the test ends. Config is nil for no TLS.
func start(t *testing.T, config *tls.Config, serve func(*peer)) *faulty {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{listener: listener, serve: serve}
	f.serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.(*net.TCPConn).SetWriteBuffer(4 << 10)
			f.accepted.Add(1)
			f.open.Add(1)
			f.serving.Go(func() { f.handle(connection, config) })
		}
	})
	t.Cleanup(f.close)
	return f
}

func (f *faulty) close() {
	_ = f.listener.Close()
	f.serving.Wait()
}

func (f *faulty) handle(connection net.Conn, config *tls.Config) {
	defer f.open.Add(-1)
	defer func() { _ = connection.Close() }()
	if config != nil {
		secure := tls.Server(connection, config)
		if secure.Handshake() != nil {
			return
		}
		connection = secure
	}
	f.serve(&peer{Conn: connection, reader: bufio.NewReader(connection), faulty: f})
}
