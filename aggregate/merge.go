package aggregate

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// source is one page of one source, under the merge.
type source struct {
	// key names the source, as JSON; cursor is where its page begins, and next where the one after that does, or nil.
	key, cursor, next jsontext.Value
	// last is the last element that a page before this one has shown.
	last  shown
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
	order string
	rank  rank
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
	return r.page.after(sources), nil
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
		if found == nil || p.before(one.items[one.taken].rank, found.items[found.taken].rank) {
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

// after is where the next page begins in each source; nil if none has more.
func (p *page) after(sources []*source) *pageState {
	states := map[string]sourceState{}
	for _, one := range sources {
		switch {
		case one.failed && !one.retryable:
		case one.failed:
			states[string(one.key)] = sourceState{Cursor: one.cursor, Last: one.last}
		case one.taken < len(one.items):
			state := sourceState{Cursor: one.cursor, Last: one.last}
			if one.taken > 0 {
				before := one.items[one.taken-1]
				state.Last = shown{Key: before.key, Order: before.order}
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
		one.cursor, one.last = state.Cursor, state.Last
		failed := rawOf(merge.Failed, scope)
		one.failed, one.retryable = failed != nil, string(failed) == "true"
		found = append(found, one)
		if one.failed {
			return nil
		}
		one.next = r.nextOf(scope)
		return r.readItems(one, scope)
	}, projection.Fail)
	return found, err
}

// nextOf is where a source's next page begins; nil if there is none.
func (r *run) nextOf(scope *projection.Scope) jsontext.Value {
	next, err := r.cursor(r.page.Merge.Next, scope)
	if err != nil {
		r.blame(scope, r.page.Merge.Next, "where the next page begins", err.Error())
		return nil
	}
	return next
}

// readItems reads the elements of a source. One that cannot be told from the others, or placed among them, is left out and
// reported.
func (r *run) readItems(one *source, scope *projection.Scope) error {
	merge := r.page.Merge
	seen := map[string]bool{}
	_, instead, err := merge.Items.Each(scope, func() error {
		read := item{raw: rawOf(merge.Element, scope), key: textFrom(merge.Key, scope), order: textFrom(merge.Order, scope)}
		read.rank = rankOf(read.order)
		switch {
		case read.raw == nil:
			r.blame(scope, merge.Element, "an element", "nothing")
		case read.key == "":
			r.blame(scope, merge.Key, "a key", "nothing")
		case seen[read.key]:
			r.blame(scope, merge.Key, "a key of its own for each element", "a key that is taken")
		case read.order == "":
			r.blame(scope, merge.Order, "a value to order by", "nothing")
		default:
			seen[read.key] = true
			one.items = append(one.items, read)
		}
		return nil
	}, func(err error) error {
		r.blame(scope, merge.Items.Where, "true or false", err.Error())
		return nil
	})
	if instead != "" { // no list at all is an empty one, as everywhere
		r.blame(scope, merge.Items.In, "a list", instead)
	}
	r.page.skip(one)
	return err
}

// blame reports what is wrong with a page of a source.
func (r *run) blame(scope *projection.Scope, source projection.Operand, expected, found string) {
	const most = 100 // as of a response
	if len(r.mergeReports) < most {
		report := projection.Blame(scope, source, r.page.Merge.Field, expected, found)
		report.At = r.page.At
		r.mergeReports = append(r.mergeReports, report)
	}
}

// skip leaves out what pages before this one have shown. If the last element of these is gone, that is all that stands
// before its place.
func (p *page) skip(one *source) {
	if one.last.Key == "" {
		return
	}
	at := slices.IndexFunc(one.items, func(i item) bool { return i.key == one.last.Key })
	if at < 0 {
		place := rankOf(one.last.Order)
		at = slices.IndexFunc(one.items, func(i item) bool { return !p.before(i.rank, place) }) - 1
		if at == -2 {
			at = len(one.items) - 1
		}
	}
	one.items = one.items[at+1:]
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
