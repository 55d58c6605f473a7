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
	body  []byte
	spans []span

	mu sync.Mutex
	// values are those that expressions have asked for, by span: what they have taken apart stays so.
	values map[int]*expr.JSON
}

// taken is the value of a span for expressions.
func (d *Document) taken(span int, value Value) *expr.JSON {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.values == nil {
		d.values = map[int]*expr.JSON{}
	}
	if d.values[span] == nil {
		d.values[span] = expr.NewJSON(value.raw)
	}
	return d.values[span]
}

// Size is the size of the body in bytes.
func (d *Document) Size() int { return len(d.body) }

// span is a value's place in the body. For a loop over a list, start is the index of the first element's frame.
type span struct {
	start, end int32
	kind       jsontext.Kind // KindInvalid for a value that is not there
}

// maxBody is what a span can address.
const maxBody = 1<<31 - 1

// Scan reads a JSON document once, from the first byte to the last, and finds what the shape needs. The body is kept and
// must not change. A body that is not one JSON document (RFC 8259, unique names, valid UTF-8) is an error. An empty body
// is a document in which nothing is found.
func (s *Shape) Scan(body []byte) (*Document, error) {
	if len(body) == 0 || s.Empty() {
		return &Document{body: body, spans: make([]span, s.root.size)}, nil
	}
	if len(body) > maxBody {
		return nil, errors.New("read JSON: larger than 2 GiB")
	}
	scan := scanners.Get().(*scanner)
	spans, err := scan.document(&s.root, body)
	scan.release()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return &Document{body: body, spans: spans}, nil
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
	// escaped is set by each escape in a string.
	escaped bool
	err     error
}

// maxReused bounds what a scanner keeps for the next document, in elements of each of its lists.
const maxReused = 1 << 16

func (s *scanner) release() {
	s.body, s.err, s.depth = nil, nil, 0
	if cap(s.spans) > maxReused {
		s.spans = nil
	}
	s.names.reset()
	scanners.Put(s)
}

func (s *scanner) document(root *Frame, body []byte) ([]span, error) {
	s.body = body
	s.spans = append(s.spans[:0], make([]span, root.size)...)
	at := s.value(root.node, 0, space(body, 0))
	if at == failed {
		return nil, s.err
	}
	if at = space(body, at); at < len(body) {
		return nil, &syntaxError{at, errTrailing}
	}
	return slices.Clone(s.spans), nil
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
