package projection

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
	key, err := value.AppendText(nil)
	if err != nil {
		run.report(target, j.Place, "text or a number", value.describe())
		return nil, false
	}
	return index[string(key)], true
}

// index goes over the list once. It is nil if there is none.
func (j *Join) index(run *run, target *Target, loop *Loop) map[string][]iteration {
	index := map[string][]iteration{}
	ok, instead, err := loop.Each(run.Scope, func() error {
		value, err := j.Element.Value(run.Scope)
		switch {
		case err != nil:
			run.report(target, j.Element, "text or a number", err.Error())
			fallthrough
		case value.Missing():
			return nil
		}
		if key, readable := value.Text(); readable {
			index[key] = append(index[key], run.loops[loop.Depth])
		} else {
			run.report(target, j.Element, "text or a number", value.describe())
		}
		return nil
	})
	switch {
	case err != nil:
		run.report(target, loop.Where, "true or false", err.Error())
	case instead != "":
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
