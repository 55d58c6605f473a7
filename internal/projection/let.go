package projection

import (
	"sync"

	"cel.dev/cel-go/common/types/ref"
)

// Let is a value that several expressions of a run share. It is computed once, when it is first needed.
type Let struct {
	from *Computed

	mu    sync.Mutex
	known bool
	found ref.Val
	ok    bool
	err   error
}

// NewLet is the value of an expression for one run.
func NewLet(from *Computed) *Let { return &Let{from: from} }

// value is the value, and whether there is one. What a context cut short is not kept: another scope may have more time.
func (l *Let) value(scope *Scope) (ref.Val, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return l.found, l.ok, l.err
	}
	outer := *scope
	outer.loops = nil
	found, ok, err := l.from.eval(&outer)
	if err != nil && scope.Context.Err() != nil {
		return nil, false, err
	}
	l.known, l.found, l.ok, l.err = true, found, ok, err
	return found, ok, err
}
