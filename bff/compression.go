package bff

import (
	"compress/gzip"
	"io"

	"connectrpc.com/connect"
)

// smallRequest bounds requests of Sheaf's own services, in bytes.
const smallRequest = 64 << 10

// atMost bounds the messages of requests in bytes, compressed or not. Connect would decompress the whole of one that is too large, only to
// say how large.
func atMost(bytes int) connect.HandlerOption {
	return connect.WithHandlerOptions(connect.WithReadMaxBytes(bytes), connect.WithCompression("gzip",
		func() connect.Decompressor { return &boundedGzip{most: int64(bytes) + 1} },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) }))
}

// boundedGzip decompresses what a message may have, and one byte more, which says that it is too large.
type boundedGzip struct {
	gzip.Reader

	most, left int64
}

// Reset implements connect.Decompressor.
func (b *boundedGzip) Reset(from io.Reader) error {
	b.left = b.most
	return b.Reader.Reset(from) //nolint:wrapcheck // Connect says what it is about
}

// Read implements io.Reader.
func (b *boundedGzip) Read(p []byte) (int, error) {
	if b.left == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err //nolint:wrapcheck // likewise
}
