package edge_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// from is a connection with the address of a peer.
type from struct {
	net.Conn

	peer string
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.peer)) }

// TestProxyProtocol: a proxy says who has connected to it, and has to; of others it is no header.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	for name, test := range map[string]struct {
		peer, sent string
		address    string // of the client
		rest       string // what is read
		failed     bool
	}{
		"version 1":              {"10.0.0.1:5", "PROXY TCP4 198.51.100.7 10.0.0.9 4711 80\r\nGET /", "198.51.100.7:4711", "GET /", false},
		"version 1, IPv6":        {"10.0.0.1:5", "PROXY TCP6 2001:db8::7 2001:db8::9 4711 80\r\nGET /", "[2001:db8::7]:4711", "GET /", false},
		"version 2":              {"10.0.0.1:5", v2 + "\x21\x11\x00\x0c\xc6\x33\x64\x07\x0a\x00\x00\x09\x12\x67\x00\x50GET /", "198.51.100.7:4711", "GET /", false},
		"version 2, UDP":         {"10.0.0.1:5", v2 + "\x21\x12\x00\x0c\xc6\x33\x64\x07\x0a\x00\x00\x09\x12\x67\x00\x50GET /", "10.0.0.1:5", "", true},
		"version 2, a socket":    {"10.0.0.1:5", v2 + "\x21\x31\x00\xd8" + strings.Repeat("x", 216) + "GET /", "10.0.0.1:5", "", true},
		"the proxy itself":       {"10.0.0.1:5", v2 + "\x20\x00\x00\x00GET /", "10.0.0.1:5", "GET /", false},
		"the proxy, version 1":   {"10.0.0.1:5", "PROXY UNKNOWN\r\nGET /", "10.0.0.1:5", "GET /", false},
		"none":                   {"10.0.0.1:5", "GET /", "10.0.0.1:5", "", true},
		"garbage":                {"10.0.0.1:5", "PROXY TCP4 what? 10.0.0.9 4711 80\r\nGET /", "10.0.0.1:5", "", true},
		"too long":               {"10.0.0.1:5", "PROXY TCP4 " + strings.Repeat("1", 200), "10.0.0.1:5", "", true},
		"half of it, and silent": {"10.0.0.1:5", "PROXY TCP4 198.51", "10.0.0.1:5", "", true},
		"silent":                 {"10.0.0.1:5", "", "10.0.0.1:5", "", true},
		"another":                {"198.51.100.9:5", "GET /", "198.51.100.9:5", "GET /", false},
		"another that sends one": {"198.51.100.9:5", "PROXY TCP4 127.0.0.1", "198.51.100.9:5", "PROXY TCP4 127.0.0.1", false}, // which is no HTTP
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				go func() { _, _ = io.WriteString(far, test.sent) }()
				begun := time.Now()
				conn := proxies("10.0.0.0/8").Accept(from{near, test.peer})
				if got := conn.RemoteAddr().String(); got != test.address {
					t.Errorf("address = %s, want %s", got, test.address)
				}
				read := make([]byte, len(test.rest)+1)
				if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
					t.Error(err)
				}
				n, err := io.ReadFull(conn, read)
				isLate := errors.Is(err, os.ErrDeadlineExceeded)
				if string(read[:n]) != test.rest || isLate == test.failed {
					t.Errorf("read %q, error %v", read[:n], err)
				}
				if took := time.Since(begun); test.failed && took > 10*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}
