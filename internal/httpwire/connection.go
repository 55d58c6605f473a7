package httpwire

import (
	"bufio"
	"net"
	"syscall"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// bufferSize is that of the buffer for what is read, in bytes: most heads fit into it, and short bodies with them.
const bufferSize = 4 << 10

// connection is one connection. One exchange at a time uses it.
type connection struct {
	net.Conn

	pool   *pool
	host   *host
	reader *bufio.Reader
	// raw is how the system sees it; nil if it does not.
	raw syscall.RawConn
	// head is how much may still be read of what comes before a body, and unbounded is set within a body.
	head      int64
	unbounded bool
	// arrived is set if something of the answer has.
	arrived bool
	// broken is what the last read has failed for; nil if it has not.
	broken error
	// reused is set if it was kept before.
	reused    bool
	idleSince time.Time
	// look sets silent to whether nothing has come.
	look   func(descriptor uintptr) bool
	silent bool
	// interruption ends reads and writes at once.
	interruption lazyctx.Hook
}

func newConnection(p *pool, to *host, raw net.Conn) *connection {
	created := &connection{Conn: raw, pool: p, host: to}
	created.reader = bufio.NewReaderSize(created, bufferSize)
	created.interruption.Call = func() { _ = raw.SetDeadline(time.Unix(1, 0)) } // if that fails, it is closed
	created.look = func(descriptor uintptr) bool {
		created.silent = isSilent(descriptor)
		return true
	}
	if system, ok := raw.(syscall.Conn); ok {
		created.raw, _ = system.SyscallConn() // without it, it is not asked whether it is alive
	}
	return created
}

// Read reads for the buffer, within the bound of what comes before a body.
func (c *connection) Read(buffer []byte) (int, error) {
	if !c.unbounded {
		if c.head <= 0 {
			c.broken = errTooLong{c.pool.config.MaxHeaderBytes}
			return 0, c.broken
		}
		buffer = buffer[:min(int64(len(buffer)), c.head)]
	}
	n, err := c.Conn.Read(buffer)
	c.head -= int64(n)
	c.arrived, c.broken = c.arrived || n > 0, err
	return n, err
}

// isAlive reports whether the connection is open and silent, as one must be that waits for a request: what comes without one is an
// answer to nothing.
func (c *connection) isAlive() bool {
	if c.raw == nil {
		return true
	}
	return c.raw.Read(c.look) == nil && c.silent
}
