package projection

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

var errTrailing = errors.New("more follows after the JSON document")

// scanners reuses decoders, which keep buffers and tables of their own.
var scanners = sync.Pool{New: func() any { return &scanner{decoder: jsontext.NewDecoder(new(bytes.Buffer))} }}

// scanner reads one document.
type scanner struct {
	decoder *jsontext.Decoder
	doc     *Document
	name    []byte
}

// Scan reads a JSON document once, from the first byte to the last, and finds what the shape needs. The body is kept and
// must not change. A body that is not one JSON document (RFC 8259, unique names, valid UTF-8) is an error. An empty body
// is a document in which nothing is found.
func (s *Shape) Scan(body []byte) (*Document, error) {
	doc := &Document{body: body, spans: make([]span, s.root.size)}
	if len(body) == 0 || s.Empty() {
		return doc, nil
	}
	if len(body) > maxBody {
		return nil, errors.New("read JSON: larger than 2 GiB")
	}
	scan := scanners.Get().(*scanner)
	scan.doc = doc
	scan.decoder.Reset(bytes.NewBuffer(body))
	err := scan.document(s.root.node)
	scan.doc = nil
	scan.decoder.Reset(new(bytes.Buffer))
	scanners.Put(scan)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return doc, nil
}

func (s *scanner) document(root *node) error {
	if err := s.value(root, 0); err != nil {
		return err
	}
	switch _, err := s.decoder.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return errTrailing
	}
}

// value reads the next value, which is at place, into the frame at base.
func (s *scanner) value(place *node, base int) error {
	kind := s.decoder.PeekKind()
	descend := kind == jsontext.KindBeginObject && place.fields != nil ||
		kind == jsontext.KindBeginArray && place.loop != nil
	var start int64
	if descend {
		if _, err := s.decoder.ReadToken(); err != nil {
			return err
		}
		start = s.decoder.InputOffset() - 1
		if err := s.children(kind, place, base); err != nil {
			return err
		}
	} else {
		value, err := s.decoder.ReadValue()
		if err != nil {
			return err
		}
		start = s.decoder.InputOffset() - int64(len(value))
	}
	found := span{start: int32(start), end: int32(s.decoder.InputOffset()), kind: kind}
	if place.slot != 0 {
		s.doc.spans[base+place.slot] = found
	}
	if place.loop != nil && kind != jsontext.KindBeginArray {
		s.doc.spans[base+place.loop.slot] = found
	}
	if kind != jsontext.KindBeginObject && kind != jsontext.KindNull {
		found.kind = kindBlocked
		s.block(place, base, found)
	}
	return nil
}

// block marks all that should have been below a value that is no object: that is another thing than not being there.
func (s *scanner) block(place *node, base int, found span) {
	for _, child := range place.fields {
		if child.slot != 0 {
			s.doc.spans[base+child.slot] = found
		}
		if child.loop != nil {
			s.doc.spans[base+child.loop.slot] = found
		}
		s.block(child, base, found)
	}
}

func (s *scanner) children(kind jsontext.Kind, place *node, base int) error {
	if kind == jsontext.KindBeginObject {
		return s.object(place, base)
	}
	return s.array(place.loop, base)
}

func (s *scanner) object(place *node, base int) error {
	for s.decoder.PeekKind() != jsontext.KindEndObject {
		name, err := s.decoder.ReadValue()
		if err != nil {
			return err
		}
		child, err := s.childNamed(place, name)
		if err != nil {
			return err
		}
		if child == nil {
			err = s.decoder.SkipValue()
		} else {
			err = s.value(child, base)
		}
		if err != nil {
			return err
		}
	}
	_, err := s.decoder.ReadToken()
	return err
}

func (s *scanner) childNamed(place *node, quoted jsontext.Value) (*node, error) {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return place.fields[string(inner)], nil
	}
	name, err := jsontext.AppendUnquote(s.name[:0], quoted)
	s.name = name
	return place.fields[string(name)], err
}

// array reads the elements of a looped list, each into a frame of its own, linked in their order.
func (s *scanner) array(list *loop, base int) error {
	s.doc.spans[base+list.slot] = span{kind: jsontext.KindBeginArray}
	for last := 0; s.decoder.PeekKind() != jsontext.KindEndArray; {
		frame := len(s.doc.spans)
		s.doc.spans = append(s.doc.spans, make([]span, list.element.size)...)
		if last == 0 {
			s.doc.spans[base+list.slot].start = int32(frame)
		} else {
			s.doc.spans[last+linkSlot].start = int32(frame)
		}
		last = frame
		if err := s.value(list.element.node, frame); err != nil {
			return err
		}
	}
	_, err := s.decoder.ReadToken()
	return err
}
