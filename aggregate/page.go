package aggregate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// page is the page that a request asks for.
type page struct {
	*plan.Pages
	// size is how many elements the page shows, and fetch how many are asked for.
	size, fetch int
	// purpose is what the page's tokens are good for: this RPC with these parameters, for this caller.
	purpose []byte
	state   pageState
}

// pageState is what a token holds: where the page begins, or where that of each source does. Cursors are JSON.
type pageState struct {
	Cursor  jsontext.Value         `json:"c,omitempty"`
	Sources map[string]sourceState `json:"s,omitempty"`
	// Fetch is how many elements were asked for, even if the client then asks for pages of another size: the pages of an
	// upstream that numbers them have to be of one size, and one that a merge has shown in part has to reach as far again. 0
	// where neither is so.
	Fetch int `json:"n,omitempty"`
}

// sourceState is where the next element of a source is: on the page at a cursor, after the last one shown.
type sourceState struct {
	Cursor jsontext.Value `json:"c,omitempty"`
	Last   shown          `json:"l,omitzero"`
}

// shown is an element that a page has shown; the zero value is none.
type shown struct {
	Key   string `json:"k,omitempty"`
	Order string `json:"o,omitempty"`
}

// openPage reads which page is asked for.
func (r *run) openPage() error {
	if r.plan.Pages == nil {
		return nil
	}
	planned := r.plan.Pages
	opened := &page{Pages: planned, purpose: r.purpose()}
	asked := int(r.scope.Request.Get(planned.Size).Int())
	switch {
	case asked < 0:
		return &RequestError{Violations: []Violation{{Field: string(planned.Size.Name()), Description: "a page size is not negative"}}}
	case asked == 0:
		opened.size = planned.DefaultSize
	default:
		opened.size = min(asked, planned.MaxSize)
	}
	if token := r.scope.Request.Get(planned.Token).String(); token != "" {
		state, err := r.world.Tokens.Open(token, opened.purpose)
		if err == nil {
			err = json.Unmarshal(state, &opened.state)
		}
		if err != nil {
			return &RequestError{Violations: []Violation{{
				Field: string(planned.Token.Name()), Description: "the page token is not valid for this request; begin without one", Reason: "INVALID_PAGE_TOKEN",
			}}}
		}
	}
	opened.fetch = max(opened.size, opened.MinSize)
	switch {
	case opened.state.Fetch == 0:
	case opened.Numbers:
		opened.fetch = opened.state.Fetch
	default:
		opened.fetch = max(opened.fetch, opened.state.Fetch)
	}
	r.page = opened
	r.scope.Answers[r.documents.Page()] = r.scan(r.plan.Shapes.Page, opened.document(opened.state.Cursor))
	return nil
}

// purpose names the RPC, its parameters but for the page, and the caller.
func (r *run) purpose() []byte {
	parameters := proto.CloneOf(r.scope.Request.Interface()).ProtoReflect()
	parameters.Clear(r.plan.Pages.Size)
	parameters.Clear(r.plan.Pages.Token)
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(parameters.Interface())
	if err != nil {
		wire = nil // a request that was read can be written
	}
	parametersSum, callerSum := sha256.Sum256(wire), sha256.Sum256([]byte(r.caller.Key))
	name := r.plan.Name()
	if r.plan.Route != nil { // a cursor of one upstream means nothing to another
		name += "\x00" + r.plan.Route.Replaced()
	}
	return slices.Concat([]byte(name+"\x00"), parametersSum[:], callerSum[:])
}

// document is the page as expressions see it.
func (p *page) document(cursor jsontext.Value) []byte {
	dst := []byte(`{"size":`)
	dst = strconv.AppendInt(dst, int64(p.fetch), 10)
	offset, number := int64(0), int64(1)
	if cursor != nil {
		dst = append(append(dst, `,"cursor":`...), cursor...)
		if whole, ok := wholeCursor(cursor); ok {
			offset, number = whole, whole
		}
	}
	dst = strconv.AppendInt(append(dst, `,"offset":`...), offset, 10)
	dst = strconv.AppendInt(append(dst, `,"number":`...), number, 10)
	return append(dst, '}')
}

// wholeCursor is a cursor that counts pages or elements, be it a number or a text.
func wholeCursor(cursor jsontext.Value) (int64, bool) {
	text := strings.Trim(string(cursor), `"`)
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole, whole >= 0 && whole < math.MaxInt64
	}
	const exact = 1 << 53
	number, err := strconv.ParseFloat(text, 64)
	return int64(number), err == nil && number == math.Trunc(number) && number >= 0 && number < exact
}

// isOver reports whether a source has no more elements, so that it is not asked again.
func (p *page) isOver(call *plan.Call, key []byte) bool {
	if !p.merges(call) || p.state.Sources == nil {
		return false
	}
	_, more := p.state.Sources[string(key)]
	return !more
}

// merges reports whether a call asks the sources of the page.
func (p *page) merges(call *plan.Call) bool {
	return p != nil && p.Merge != nil && call.Each != nil && call.Merged
}

// within is a scope in which the page is that of one source.
func (p *page) within(scope *projection.Scope, call *plan.Call, key []byte, r *run) *projection.Scope {
	if !p.merges(call) {
		return scope
	}
	own := scope.With(r.documents.Page(), r.scan(r.plan.Shapes.Page, p.document(p.state.Sources[string(key)].Cursor)))
	own.Lets = r.newLets() // what they say of the page is about this source alone
	return own
}

// cursor is where a next page begins, as JSON; nil if there is none.
func (r *run) cursor(next projection.Operand, scope *projection.Scope) (jsontext.Value, error) {
	value, err := next.Value(scope)
	if err != nil {
		return nil, err
	}
	if text, ok := value.Text(); value.Missing() || ok && text == "" {
		return nil, nil
	}
	cursor, err := value.AppendJSON(nil)
	if err != nil {
		return nil, err
	}
	if _, whole := wholeCursor(cursor); r.page.Counts && !whole {
		return nil, errors.New("no whole number")
	}
	return cursor, nil
}

// nextToken is the token of the next page; empty if this one is the last.
func (r *run) nextToken(scope *projection.Scope, merged *pageState) (string, error) {
	state := merged
	if r.page.Next != nil {
		cursor, err := r.cursor(r.page.Next, scope)
		if err != nil {
			report := projection.Blame(scope, r.page.Next, string(r.page.NextToken.Name()), "where the next page begins", err.Error())
			report.At = r.page.At
			return "", &DriftError{Report: report}
		}
		if cursor != nil {
			state = &pageState{Cursor: cursor}
		}
	}
	if state == nil {
		return "", nil
	}
	if r.page.Merge != nil || r.page.Numbers {
		state.Fetch = r.page.fetch
	}
	content, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("write page token: %w", err)
	}
	return r.world.Tokens.Seal(content, r.page.purpose), nil
}

func appendString(dst []byte, field protoreflect.FieldDescriptor, text string) []byte {
	if text == "" {
		return dst
	}
	dst = protowire.AppendTag(dst, field.Number(), protowire.BytesType)
	return protowire.AppendString(dst, text)
}
