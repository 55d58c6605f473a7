package projection

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"
	"github.com/go-json-experiment/json/jsontext"
)

// Loop is a list to go over. While it does, its name stands for an element at a time.
type Loop struct {
	// In is the list. Looped is set if its elements have frames in the answer; otherwise they are evaluated.
	In     Operand
	Looped bool
	// Depth counts the loops around this one.
	Depth int
	// Sources are the values that a list which is evaluated is made of. If they are there and the list is not, something
	// within them is missing, and that is no list without elements.
	Sources []Operand
	// Where is the condition without which an element does not count; nil for none.
	Where Operand
}

// elements are what a loop goes over: frames of a document, or values that an expression gave.
type elements struct {
	doc    *Document
	frame  int // the next one; 0 for none
	values traits.Iterator
	index  int
}

// open finds the list. Instead of one it says what is there: "" is nothing.
func (l *Loop) open(scope *Scope) (_ *elements, instead string) {
	if l.Looped {
		return l.openFrames(scope)
	}
	return l.openValues(scope)
}

func (l *Loop) openFrames(scope *Scope) (*elements, string) {
	answer := l.In.(*Answer)
	doc := scope.document(answer.Call)
	if doc == nil {
		return nil, ""
	}
	switch found := doc.spans[scope.base(&answer.Place)+answer.Slot]; found.kind {
	case jsontext.KindBeginArray:
		return &elements{doc: doc, frame: int(found.start)}, ""
	case jsontext.KindInvalid, jsontext.KindNull:
		return nil, ""
	default:
		return nil, Value{kind: found.kind, raw: doc.body[found.start:found.end]}.describe()
	}
}

func (l *Loop) openValues(scope *Scope) (*elements, string) {
	list, ok, err := l.In.(*Computed).eval(scope)
	switch {
	case err != nil:
		return nil, err.Error()
	case !ok && l.hasSources(scope):
		return nil, "a list in which a value is missing"
	case !ok:
		return nil, ""
	}
	lister, isList := list.(traits.Lister)
	if !isList {
		return nil, "a " + list.Type().TypeName()
	}
	return &elements{values: lister.Iterator()}, ""
}

// hasSources reports whether all that the list is made of is there.
func (l *Loop) hasSources(scope *Scope) bool {
	for _, source := range l.Sources {
		if value, err := source.Value(scope); err != nil || value.Missing() {
			return false
		}
	}
	return len(l.Sources) > 0
}

// next moves on to the next element, and reports whether there is one.
func (e *elements) next(to *iteration) bool {
	to.index = e.index
	e.index++
	if e.values != nil {
		if e.values.HasNext() != types.True {
			return false
		}
		to.value = e.values.Next()
		return true
	}
	if e.frame == 0 {
		return false
	}
	to.frame = e.frame
	e.frame = int(e.doc.spans[e.frame+linkSlot].start)
	return true
}

// Each calls f for each element, while the loop stands on it, until f returns an error or, a few elements later, the scope's context
// ends. instead is what is there instead of a list: "" if it is one, or nothing is there; then ok tells them apart. An element that
// the condition cannot judge does not count; unjudged is told why, and may end the loop.
func (l *Loop) Each(scope *Scope, f func() error, unjudged func(error) error) (ok bool, instead string, _ error) {
	elements, instead := l.open(scope)
	if elements == nil {
		return false, instead, nil
	}
	scope.loops = append(scope.loops[:l.Depth], iteration{})
	defer func() { scope.loops = scope.loops[:l.Depth] }()
	for elements.next(&scope.loops[l.Depth]) {
		if err := scope.ended(scope.loops[l.Depth].index); err != nil {
			return true, "", err
		}
		counts, err := l.counts(scope)
		switch {
		case err != nil:
			err = unjudged(err)
		case counts:
			err = f()
		}
		if err != nil {
			return true, "", err
		}
	}
	return true, "", nil
}

// Fail ends a loop at the first element that its condition cannot judge.
func Fail(err error) error { return err }

// counts reports whether the element that the loop stands on fulfils its condition.
func (l *Loop) counts(scope *Scope) (bool, error) {
	if l.Where == nil {
		return true, nil
	}
	return Holds(l.Where, scope)
}
