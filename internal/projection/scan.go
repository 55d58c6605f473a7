package projection

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Document is an answer in which the values that a Shape needs have been found. It is only read, by any number of goroutines.
type Document struct {
	// body is the answer, or only what was found in it.
	body  []byte
	spans []span
	// found is the size of what was found, in bytes.
	found int

	mu sync.Mutex
	// values are those that expressions have asked for, by span: what they have taken apart stays so.
	values map[int]*expr.JSON
}

// taken is the value of a span for expressions.
func (d *Document) taken(index int, found span) *expr.JSON {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.values == nil {
		d.values = map[int]*expr.JSON{}
	}
	if d.values[index] == nil {
		d.values[index] = expr.NewJSON(d.body[found.start:found.end])
	}
	return d.values[index]
}

// Size is about as many bytes as what was found takes on the wire.
func (d *Document) Size() int {
	const tagAndLength = 4
	return d.found + tagAndLength*len(d.spans)
}

// span is a value's place in the body. For a loop over a list, start is the index of the first element's frame.
type span struct {
	start, end int32
	kind       jsontext.Kind // KindInvalid for a value that is not there
	escaped    bool          // set for a string that has escapes
}

// maxBody is what a span can address.
const maxBody = 1<<31 - 1

// Scan reads a JSON document once, from the first byte to the last, and finds what the shape needs. The body must not change as
// long as the document is used. Of a large one only what was found is kept, unless that is all. A body that is not one JSON
// document (RFC 8259, unique names, valid UTF-8) is an error. An empty body is a document in which nothing is found.
func (s *Shape) Scan(body []byte) (*Document, error) {
	if len(body) == 0 || s.Empty() {
		return &Document{body: body, spans: make([]span, s.root.size)}, nil
	}
	if len(body) > maxBody {
		return nil, errors.New("read JSON: larger than 2 GiB")
	}
	document, err := s.scan(body, len(body) >= largeBody && s.root.node.asked == 0)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return document, nil
}

// scan finds what the shape needs, and copies it if the body is not to be kept.
func (s *Shape) scan(body []byte, copies bool) (*Document, error) {
	scan := scanners.Get().(*scanner)
	defer scan.release()
	scan.copies = copies
	if err := scan.document(&s.root, body); err != nil {
		return nil, err
	}
	document := &Document{body: body, spans: kept(scan.spans, maxSpans), found: scan.found}
	if copies {
		document.body = kept(scan.copied, maxCopied)
	}
	return document, nil
}

// largeBody is from how many bytes on what was found is copied, so that the body need not stay in memory for it.
const largeBody = 64 << 10

// kept is what a scanner has gathered, for a document: a copy, unless the scanner would not reuse it anyway.
func kept[E any](gathered []E, reused int) []E {
	if cap(gathered) > reused {
		return gathered
	}
	return slices.Clone(gathered)
}

// scanners reuses what scanners have grown to.
var scanners = sync.Pool{New: func() any { return &scanner{names: nameStack{seed: maphash.MakeSeed()}} }}

// scanner reads one document. Its methods take where a part of the body begins and return where it ends, or failed.
type scanner struct {
	body []byte
	// spans are the frames found so far.
	spans []span
	names nameStack
	depth int
	// keeping is set within a value that is found as a whole, and found counts the bytes of such values. If the scanner copies
	// them, shift is how far the copy lies behind the body.
	keeping, copies bool
	found, shift    int
	copied          []byte
	// escaped is set by each escape in a string.
	escaped bool
	err     error
}

// Bounds of what a scanner keeps for the next document.
const (
	maxSpans  = 1 << 16
	maxNames  = 1 << 14
	maxCopied = 1 << 20 // bytes
)

func (s *scanner) release() {
	*s = scanner{names: s.names, spans: s.spans[:0], copied: s.copied[:0]}
	if cap(s.spans) > maxSpans {
		s.spans = nil
	}
	if cap(s.copied) > maxCopied {
		s.copied = nil
	}
	s.names.reset()
	scanners.Put(s)
}

func (s *scanner) document(root *Frame, body []byte) error {
	s.body = body
	s.spans = append(s.spans[:0], make([]span, root.size)...)
	at := s.value(root.node, 0, space(body, 0))
	if at == failed {
		return s.err
	}
	if at = space(body, at); at < len(body) {
		return &syntaxError{at, errTrailing}
	}
	return nil
}

// failed stands in the place of where a part ends.
const failed = -1

func (s *scanner) fail(at int, err error) int {
	s.err = &syntaxError{at, err}
	return failed
}

// unexpected says that what is at a place has no business there.
func (s *scanner) unexpected(at int) int {
	if at >= len(s.body) {
		return s.fail(at, errTruncated)
	}
	return s.fail(at, errUnexpected)
}
