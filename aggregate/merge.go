package aggregate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// source is one page of one source, under the merge.
type source struct {
	// key names the source, as JSON; cursor is where its page begins, and next where the one after that does, or nil.
	key, cursor, next jsontext.Value
	// after is the key of the last element that a page before this one has shown.
	after string
	items []item
	// failed is set if the page could not be had. If it may be had later, the source keeps its place.
	failed, retryable bool
	// taken counts the items that this page shows.
	taken int
}

// item is one element of a source.
type item struct {
	raw   []byte
	key   string
	order rank
}

// mergePages makes one list of the pages of several sources: the first elements in order, as many as a page has, and no
// further than every source can answer for. It returns where the next page begins; nil if this one is the last.
//
// Elements of one source keep the order that they came in; among equal ones of several sources, the first source in the
// list goes first. So it is the same order however the list is cut into pages.
//
// If no source has answered, the RPC fails as the first one did: the same request may succeed later.
func (r *run) mergePages(scope *projection.Scope) (*pageState, error) {
	if r.page == nil || r.page.Merge == nil {
		return nil, nil
	}
	sources, err := r.sources(scope)
	if err != nil {
		return nil, fmt.Errorf("merge pages: %w", err)
	}
	asked := r.page.Merge.Call
	if failure := r.calls[asked].Failure; failure != nil && !slices.ContainsFunc(sources, func(s *source) bool { return !s.failed }) {
		return nil, &CallError{RPC: r.plan, Call: r.plan.Calls[asked], Failure: failure}
	}
	merged := []byte{'['}
	for count := range r.page.size {
		next := r.page.first(sources)
		if next == nil {
			break
		}
		merged = append(appendComma(merged, count), next.items[next.taken].raw...)
		next.taken++
	}
	r.scope.Answers[r.documents.Items()] = r.scan(r.plan.Shapes.Items, append(merged, ']'))
	return stateAfter(sources), nil
}

// first is the source whose next element is the first in order; nil if there is none, or if a source has shown all of its
// page and has more.
func (p *page) first(sources []*source) *source {
	var found *source
	for _, one := range sources {
		if one.taken == len(one.items) {
			if one.next != nil {
				return nil
			}
			continue
		}
		if found == nil || p.before(one.items[one.taken].order, found.items[found.taken].order) {
			found = one
		}
	}
	return found
}

func (p *page) before(a, b rank) bool {
	if p.Merge.Descending {
		return b.compare(a) < 0
	}
	return a.compare(b) < 0
}

// stateAfter is where the next page begins in each source; nil if none has more.
func stateAfter(sources []*source) *pageState {
	states := map[string]sourceState{}
	for _, one := range sources {
		switch {
		case one.failed && !one.retryable:
		case one.failed:
			states[string(one.key)] = sourceState{Cursor: one.cursor, After: one.after}
		case one.taken < len(one.items):
			state := sourceState{Cursor: one.cursor, After: one.after}
			if one.taken > 0 {
				state.After = one.items[one.taken-1].key
			}
			states[string(one.key)] = state
		case one.next != nil:
			states[string(one.key)] = sourceState{Cursor: one.next}
		}
	}
	if len(states) == 0 {
		return nil
	}
	return &pageState{Sources: states}
}

// sources are the pages that the call with each got.
func (r *run) sources(scope *projection.Scope) ([]*source, error) {
	var found []*source
	merge := r.page.Merge
	_, _, err := merge.Sources.Each(scope, func() error {
		one := &source{key: rawOf(merge.SourceKey, scope)}
		state := r.page.state.Sources[string(one.key)]
		one.cursor, one.after = state.Cursor, state.After
		failure := rawOf(merge.Error, scope)
		one.failed, one.retryable = failure != nil, bytes.Contains(failure, []byte(`"retryable":true`))
		if next := rawOf(merge.Next, scope); string(next) != `""` {
			one.next = next
		}
		_, _, err := merge.Items.Each(scope, func() error {
			one.items = append(one.items, r.item(scope))
			return nil
		})
		one.skip()
		found = append(found, one)
		return err
	})
	return found, err
}

// rawOf is an operand's value as JSON; nil for none.
func rawOf(operand projection.Operand, scope *projection.Scope) jsontext.Value {
	value, err := operand.Value(scope)
	if err != nil || value.Missing() {
		return nil
	}
	raw, err := value.AppendJSON(nil)
	if err != nil {
		return nil
	}
	return raw
}

// skip leaves out what pages before this one have shown.
func (s *source) skip() {
	if s.after == "" {
		return
	}
	if at := slices.IndexFunc(s.items, func(i item) bool { return i.key == s.after }); at >= 0 {
		s.items = s.items[at+1:]
	}
}

func (r *run) item(scope *projection.Scope) item {
	merge := r.page.Merge
	return item{
		raw: rawOf(merge.Element, scope), key: textFrom(merge.Key, scope), order: rankOf(textFrom(merge.Order, scope)),
	}
}

// rank is what elements are ordered by: a time, a number or a text.
type rank struct {
	time   time.Time
	whole  int64
	number float64
	text   string
}

func rankOf(text string) rank {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return rank{time: at}
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return rank{whole: whole, number: float64(whole)}
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return rank{number: number, whole: int64(number)}
	}
	return rank{text: text}
}

func (r rank) compare(other rank) int {
	return cmp.Or(r.time.Compare(other.time), cmp.Compare(r.whole, other.whole), cmp.Compare(r.number, other.number), cmp.Compare(r.text, other.text))
}
