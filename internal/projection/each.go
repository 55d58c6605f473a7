package projection

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// Each fills a repeated or map field with one element for each element of a list.
type Each struct {
	Target
	// In is the list. Looped is set if its elements have frames in the answer; otherwise they are evaluated.
	In     Operand
	Looped bool
	// Loop is the depth of this loop.
	Loop int
	// Fields are those of each element if it is a message, or the value of each entry if the field is a map.
	Fields []Rule
	// Value is the element of a repeated field whose elements are no messages; nil otherwise.
	Value *Leaf
	// Key is the key of each entry of a map; nil for a repeated field.
	Key *Leaf
	// HasValue is set for a map whose values are no messages: an entry without a value is left out.
	HasValue bool
}

func (e *Each) emit(dst []byte, run *run) ([]byte, outcome) {
	elements, ok := e.open(run)
	if !ok {
		return dst, unset
	}
	begin := len(dst)
	run.loops = append(run.loops[:e.Loop], iteration{})
	run.indices = append(run.indices, 0)
	var seen map[string]bool
	if e.Key != nil {
		seen = map[string]bool{}
	}
	for index := 0; elements.next(run, &run.loops[e.Loop]); index++ {
		run.loops[e.Loop].index, run.indices[len(run.indices)-1] = index, index
		dst = e.element(dst, run, seen)
	}
	run.indices = run.indices[:len(run.indices)-1]
	run.loops = run.loops[:e.Loop]
	if e.Required && len(dst) == begin {
		run.report(&e.Target, e.In, "a list with an element", "an empty list")
	}
	return dst, set
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

// elements are what a loop goes over: frames of a document, or values that an expression gave.
type elements struct {
	call   int
	frame  int // the next one; 0 for none
	values traits.Iterator
}

// open finds the list. It reports a source that is no list.
func (e *Each) open(run *run) (*elements, bool) {
	if e.Looped {
		return e.openFrames(run)
	}
	return e.openValues(run)
}

func (e *Each) openFrames(run *run) (*elements, bool) {
	answer := e.In.(*Answer)
	doc := run.Answers[answer.Call]
	if doc == nil {
		return nil, e.absent(run)
	}
	switch found := doc.spans[run.base(answer.Place)+answer.Slot]; found.kind {
	case jsontext.KindBeginArray:
		return &elements{call: answer.Call, frame: int(found.start)}, true
	case jsontext.KindInvalid, jsontext.KindNull:
		return nil, e.absent(run)
	default:
		value := Value{kind: found.kind, raw: doc.body[found.start:found.end]}
		run.report(&e.Target, e.In, "a list", value.describe())
		return nil, false
	}
}

func (e *Each) openValues(run *run) (*elements, bool) {
	list, ok, err := e.In.(*Computed).eval(run.Scope)
	switch {
	case err != nil:
		run.report(&e.Target, e.In, "a list", err.Error())
		return nil, false
	case !ok:
		return nil, e.absent(run)
	}
	lister, isList := list.(traits.Lister)
	if !isList {
		run.report(&e.Target, e.In, "a list", "a "+list.Type().TypeName())
		return nil, false
	}
	return &elements{values: lister.Iterator()}, true
}

func (e *Each) absent(run *run) bool {
	if e.Required {
		run.reportAbsence(&e.Target, e.In, "a list")
	}
	return false
}

// next moves on to the next element, and reports whether there is one.
func (l *elements) next(run *run, to *iteration) bool {
	if l.values != nil {
		if l.values.HasNext() != types.True {
			return false
		}
		to.value = l.values.Next()
		return true
	}
	if l.frame == 0 {
		return false
	}
	to.frame = l.frame
	l.frame = int(run.Answers[l.call].spans[l.frame+linkSlot].start)
	return true
}
