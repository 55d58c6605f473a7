package edge

import (
	"errors"
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// headerTimeout is how long the header of the PROXY protocol may take. A proxy sends it at once.
const headerTimeout = 5 * time.Second

// Accept is a connection that begins with the PROXY protocol, version 1 or 2, if it is from a proxy: its address is the one that the
// header says, and without a header it cannot be read. Of others, a header is no HTTP and no TLS, and refused as such.
func (p Proxies) Accept(conn net.Conn) net.Conn {
	if peer, ok := parseAddress(conn.RemoteAddr().String()); !ok || !p.Trust(peer) {
		return conn
	}
	return proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(headerTimeout),
		proxyproto.ValidateHeader(checkHeader))
}

// checkHeader refuses clients that are not connected over TCP. A proxy that speaks for itself, as in its health checks, names none.
func checkHeader(header *proxyproto.Header) error {
	if _, isTCP := header.SourceAddr.(*net.TCPAddr); !isTCP && !header.Command.IsLocal() {
		return errors.New("the PROXY protocol names no address of TCP")
	}
	return nil
}
