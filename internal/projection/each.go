package projection

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Each fills a repeated or map field with one element for each element of a list.
type Each struct {
	Target
	Loop
	Element
	// Key is the key of each entry of a map; nil for a repeated field.
	Key *Leaf
	// HasValue is set for a map whose values are no messages: an entry without a value is left out.
	HasValue bool
	// Join leaves only the elements that match a key; nil for all.
	Join *Join
}

// Element says what one element of a list becomes.
type Element struct {
	// Fields are those of each element if it is a message, or the value of each entry if the field is a map.
	Fields []Rule
	// Value is the element of a field whose elements are no messages; nil otherwise.
	Value *Leaf
}

func (e *Each) emit(dst []byte, run *run) ([]byte, outcome) {
	begin := len(dst)
	var seen map[string]bool
	if e.Key != nil {
		seen = map[string]bool{}
	}
	run.indices = append(run.indices, run.offset)
	run.offset = 0
	ok := e.over(run, func() error {
		if len(dst) > maxMessage {
			run.reportSize(&e.Target, e.In)
			return errTooLarge
		}
		before := len(dst)
		dst = e.element(dst, run, seen)
		if len(dst) > before {
			run.indices[len(run.indices)-1]++
		}
		return nil
	})
	run.indices = run.indices[:len(run.indices)-1]
	if !ok {
		return dst, unset
	}
	if e.Required && len(dst) == begin {
		run.report(&e.Target, e.In, "a list with an element", "an empty list")
	}
	return dst, set
}

// over calls f for each element that counts, until it returns an error. It reports false if there is no list.
func (e *Each) over(run *run, f func() error) bool {
	if e.Join != nil {
		return e.overMatches(run, f)
	}
	ok, instead, _ := e.Each(run.Scope, f, func(err error) error { // otherwise it ends for a reason that is told elsewhere
		run.report(&e.Target, e.Where, "true or false", err.Error())
		return nil
	})
	switch {
	case instead != "":
		run.report(&e.Target, e.In, "a list", instead)
	case !ok && e.Required:
		run.reportAbsence(&e.Target, e.In, "a list")
	}
	return ok
}

func (e *Each) overMatches(run *run, f func() error) bool {
	matches, ok := e.Join.matches(run, &e.Target, &e.Loop)
	run.loops = append(run.loops[:e.Depth], iteration{})
	for i, match := range matches {
		run.loops[e.Depth] = match
		if run.ended(i) != nil || f() != nil {
			break
		}
	}
	run.loops = run.loops[:e.Depth]
	return ok
}

func (e *Each) element(dst []byte, run *run, seen map[string]bool) []byte {
	begin := len(dst)
	if e.Key != nil && !e.admit(run, seen) {
		return dst
	}
	if e.Value != nil {
		dst, _ = e.Value.emit(dst, run)
		return dst
	}
	dst = protowire.AppendTag(dst, e.Number, protowire.BytesType)
	dst, start := beginBytes(dst)
	if e.Key != nil {
		dst, _ = e.Key.emit(dst, run)
	}
	keyed := len(dst)
	dst, _ = emitAll(dst, e.Fields, run)
	if e.HasValue && len(dst) == keyed {
		return dst[:begin]
	}
	return endBytes(dst, start)
}

// admit reports whether an entry's key is there and new. One without a key, or with a key that is taken, is left out and
// reported.
func (e *Each) admit(run *run, seen map[string]bool) bool {
	value, ok := e.Key.take(run)
	if !ok {
		return false
	}
	key, ok := e.Key.Encoding.encode(nil, value)
	switch {
	case !ok:
		run.report(&e.Key.Target, e.Key.From, e.Key.Encoding.Expected, value.describe())
		return false
	case seen[string(key)]:
		run.report(&e.Key.Target, e.Key.From, "a key of its own for each element", "a key that is taken")
		return false
	}
	seen[string(key)] = true
	return true
}
