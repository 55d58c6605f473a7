package httpwire

import (
	"compress/gzip"
	"io"
	"net/http"
	"sync"
)

// unzipped is a compressed body that is read as if it were not.
type unzipped struct {
	body   io.ReadCloser
	reader *gzip.Reader // nil before the first read
	err    error
}

// gunzippers are without a body.
var gunzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unzip makes an answer one that was not compressed.
func unzip(response *http.Response) {
	response.Body = &unzipped{body: response.Body}
	response.Header.Del("Content-Encoding")
	response.Header.Del("Content-Length")
	response.ContentLength, response.Uncompressed = -1, true
}

// Read reads what was compressed.
func (u *unzipped) Read(buffer []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	if u.reader == nil {
		u.reader = gunzippers.Get().(*gzip.Reader)
		if u.err = u.reader.Reset(u.body); u.err != nil {
			u.giveBack()
			return 0, u.err
		}
	}
	n, err := u.reader.Read(buffer)
	if err != nil {
		u.err = err
		u.giveBack()
	}
	return n, err
}

// Close closes the body.
func (u *unzipped) Close() error {
	if u.err == nil {
		u.err = errClosed
		u.giveBack()
	}
	return u.body.Close()
}

// giveBack gives the reader back, which reads no further.
func (u *unzipped) giveBack() {
	if u.reader != nil {
		gunzippers.Put(u.reader)
		u.reader = nil
	}
}
