package projection

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sheaf-rpc/sheaf/internal/expr"
)

// Scope holds what the names of a binding stand for while one RPC runs.
type Scope struct {
	// Context bounds the evaluation of expressions.
	Context context.Context
	Request protoreflect.Message
	// Answers holds the document of each call by its index in the plan, and then those that only expressions see (see
	// plan.Documents); nil where there is none (yet).
	Answers []*Document
	// Lets are the values of let, shared by all scopes of a run.
	Lets []*Let
	// Now is when the run began, and Until when the work at hand has to be done; zero for no bound. Awaited is set if the
	// client has said how long it waits.
	Now, Until time.Time
	Awaited    bool

	instead []replacement
	loops   []iteration
}

// In is a scope of its own for one goroutine: what it holds is shared, its context and its loops are not.
func (s *Scope) In(ctx context.Context) *Scope {
	inner := *s
	inner.Context = ctx
	inner.loops = slices.Clone(s.loops)
	inner.Until, _ = ctx.Deadline()
	return &inner
}

// With is a scope in which one answer is another. The answers themselves are shared: those that the scope's work does not
// wait for may be written meanwhile, so they are not even copied.
func (s *Scope) With(index int, document *Document) *Scope {
	inner := *s
	inner.instead = append(slices.Clone(s.instead), replacement{index, document})
	return &inner
}

// ended is the error of the context if that has ended. Only now and then does an element of a list ask it: an RPC's context looks at a clock,
// which can take longer than an element.
func (s *Scope) ended(element int) error {
	const often = 16
	if element%often != 0 {
		return nil
	}
	return s.Context.Err()
}

// replacement is a document that stands in the place of another.
type replacement struct {
	index    int
	document *Document
}

// document is the one at an index of the answers; nil if there is none.
func (s *Scope) document(index int) *Document {
	if len(s.instead) == 0 {
		return s.Answers[index]
	}
	return s.replaced(index)
}

func (s *Scope) replaced(index int) *Document {
	for _, one := range slices.Backward(s.instead) {
		if one.index == index {
			return one.document
		}
	}
	return s.Answers[index]
}

// iteration is where one loop stands. Its name is a frame of a document, or a CEL value.
type iteration struct {
	index int
	frame int
	value any // a ref.Val or an *expr.JSON
}

// On is a scope whose outermost loop stands on a JSON value.
func (s *Scope) On(raw []byte) *Scope {
	inner := *s
	inner.loops = []iteration{{value: expr.NewJSON(raw)}}
	return &inner
}

// Place says where the value of a path is kept.
type Place struct {
	// Call is the index among the scope's answers of the document that holds the value.
	Call int
	// Loop is the depth of the loop whose current element holds it, from 0, or -1 for the answer itself.
	Loop int
	Slot int
	// Rest are the steps from the slot's value on, where the path holds an index.
	Rest []expr.Step
}

// find is the value at a place.
func (s *Scope) find(place *Place) Value {
	doc := s.document(place.Call)
	if doc == nil {
		return Value{}
	}
	found := &doc.spans[s.base(place)+place.Slot]
	if found.kind == jsontext.KindInvalid || found.kind == jsontext.KindNull {
		return Value{}
	}
	value := Value{kind: found.kind, raw: doc.body[found.start:found.end], form: verbatim}
	if found.escaped {
		value.form = quoted
	}
	if len(place.Rest) > 0 {
		return value.follow(place.Rest)
	}
	return value
}

func (s *Scope) base(place *Place) int {
	if place.Loop < 0 {
		return 0
	}
	return s.loops[place.Loop].frame
}

// follow is the value some steps below v.
func (v Value) follow(steps []expr.Step) Value {
	for _, step := range steps {
		v = v.step(step)
	}
	return v
}

// step is the value one step below v.
func (v Value) step(step expr.Step) Value {
	var found Value
	switch {
	case step.Index >= 0 && v.kind == jsontext.KindBeginArray:
		v.elements(func(index int, element Value) bool {
			if index == step.Index {
				found = element
			}
			return index < step.Index
		})
	case step.Index < 0 && v.kind == jsontext.KindBeginObject:
		v.members(func(key []byte, member Value) bool {
			if string(key) != step.Key {
				return true
			}
			found = member
			return false
		})
	case !v.Missing():
		return Value{kind: kindBlocked, raw: v.raw}
	}
	return found
}
