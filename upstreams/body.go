package upstreams

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// readBody reads a whole body, or says that it is larger than the bound.
func readBody(response *http.Response, bound int64, share *share) ([]byte, error) {
	switch {
	case response.ContentLength > bound:
		return nil, fmt.Errorf("read body: %d bytes, more than the bound of %d", response.ContentLength, bound)
	case response.ContentLength < 0:
		return readUnknown(response.Body, bound, share)
	default:
		return readDeclared(response.Body, response.ContentLength, share)
	}
}

// readDeclared reads a body of a known length. What comes on top, which no transport lets through, is left.
func readDeclared(from io.Reader, length int64, share *share) ([]byte, error) {
	if err := share.take(length); err != nil {
		return nil, err
	}
	body := make([]byte, length+1) // the end is seen without more room
	for size := 0; ; {
		n, err := from.Read(body[size:])
		size += n
		switch {
		case errors.Is(err, io.EOF):
			return body[:size], nil
		case err != nil:
			return nil, fmt.Errorf("read body: %w", err)
		case size == len(body):
			return nil, fmt.Errorf("read body: more than the %d bytes that were declared", length)
		}
	}
}

// readUnknown reads a body of unknown length into segments, and then copies it into one piece of its size: a slice that grew would leave a
// piece of garbage for each time.
func readUnknown(from io.Reader, bound int64, share *share) ([]byte, error) {
	var few [4]*segment
	read := segments{all: few[:0]}
	defer read.giveBack()
	for {
		if read.size == smallBody {
			if err := share.take(bound); err != nil {
				return nil, err
			}
		}
		n, err := from.Read(read.free())
		read.size += n
		switch {
		case int64(read.size) > bound:
			return nil, fmt.Errorf("read body: more than the bound of %d bytes", bound)
		case errors.Is(err, io.EOF):
			return read.joined(), nil
		case err != nil:
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
}

// segments are what has been read of a body, in parts that are used again.
type segments struct {
	all  []*segment
	size int
}

type segment [smallBody]byte

var spareSegments = sync.Pool{New: func() any { return new(segment) }}

// free is where more can be read into.
func (s *segments) free() []byte {
	used := s.size % smallBody
	if used == 0 && s.size == len(s.all)*smallBody {
		s.all = append(s.all, spareSegments.Get().(*segment))
	}
	return s.all[len(s.all)-1][used:]
}

// joined is a copy in one piece.
func (s *segments) joined() []byte {
	body := make([]byte, 0, s.size)
	for _, one := range s.all {
		body = append(body, one[:min(smallBody, s.size-len(body))]...)
	}
	return body
}

func (s *segments) giveBack() {
	for _, one := range s.all {
		spareSegments.Put(one)
	}
}
