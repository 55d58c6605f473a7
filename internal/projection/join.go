package projection

import "github.com/go-json-experiment/json/jsontext"

// Join finds the elements of a list by a key, in time that grows with the list and the places that ask, not with their
// product. The list does not depend on the loops around.
type Join struct {
	// Element is the key of an element of the list, Place that of the place that asks. Keys are compared as texts, so the
	// number 7 and the text "7" are one key.
	Element, Place Operand
}

// matches are the elements whose key is that of the place. It reports false if there is no list, or no key.
func (j *Join) matches(run *run, target *Target, loop *Loop) ([]iteration, bool) {
	index, known := run.joins[j]
	if !known {
		index = j.index(run, target, loop)
		if run.joins == nil {
			run.joins = map[*Join]map[string][]iteration{}
		}
		run.joins[j] = index
	}
	value, err := j.Place.Value(run.Scope)
	if err != nil || index == nil || value.Missing() {
		return nil, false
	}
	key, readable := joinKey(value)
	if !readable {
		run.report(target, j.Place, "text or a number", value.describe())
		return nil, false
	}
	return index[key], true
}

// joinKey is a value as a key: 1, 1.0 and "1" are one.
func joinKey(value Value) (string, bool) {
	if value.kind == jsontext.KindNumber {
		if whole, ok := wholeNumber(value); ok {
			return whole, true
		}
	}
	return value.Text()
}

// index goes over the list once. It is nil if there is none.
func (j *Join) index(run *run, target *Target, loop *Loop) map[string][]iteration {
	index := map[string][]iteration{}
	ok, instead, _ := loop.Each(run.Scope, func() error {
		value, err := j.Element.Value(run.Scope)
		switch {
		case err != nil:
			run.report(target, j.Element, "text or a number", err.Error())
			fallthrough
		case value.Missing():
			return nil
		}
		if key, readable := joinKey(value); readable {
			index[key] = append(index[key], run.loops[loop.Depth])
		} else {
			run.report(target, j.Element, "text or a number", value.describe())
		}
		return nil
	}, func(err error) error {
		run.report(target, loop.Where, "true or false", err.Error())
		return nil
	})
	if instead != "" {
		run.report(target, loop.In, "a list", instead)
	}
	if !ok {
		return nil
	}
	return index
}

// Match fills a field from the one element of a list that has a key.
type Match struct {
	Target
	Loop
	Join *Join
	Element
	// Constant is set if no field depends on an answer, so that a message exists wherever the element does.
	Constant bool
}

func (m *Match) emit(dst []byte, run *run) ([]byte, outcome) {
	matches, _ := m.Join.matches(run, &m.Target, &m.Loop)
	switch len(matches) {
	case 1:
	case 0:
		return m.without(dst, run)
	default:
		run.report(&m.Target, m.In, "one element with the key", "several")
		return dst, unset
	}
	run.loops = append(run.loops[:m.Depth], matches[0])
	defer func() { run.loops = run.loops[:m.Depth] }()
	if m.Value != nil {
		return m.Value.emit(dst, run)
	}
	whole := Message{Target: m.Target, Fields: m.Fields, Constant: m.Constant}
	return whole.emit(dst, run)
}

// without is the field where no element has the key.
func (m *Match) without(dst []byte, run *run) ([]byte, outcome) {
	if m.Value != nil && m.Value.Default != nil {
		fallback := *m.Value
		fallback.From = m.Value.Default
		return fallback.emit(dst, run)
	}
	if m.Required || !m.MayBeUnset {
		run.reportAbsence(&m.Target, m.In, "an element with the key")
	}
	return dst, unset
}
