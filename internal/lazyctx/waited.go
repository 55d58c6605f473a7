package lazyctx

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
)

// waited is how one of our contexts ends: by itself, and by a context of the standard library, which is made when somebody waits for it.
// Its zero value is ready for use.
type waited struct {
	made atomic.Pointer[standard]

	mu  sync.Mutex // held to make it, and to end it
	err error      // why it has ended, if that was noted; nil before
}

type standard struct {
	context.Context

	cancel context.CancelFunc
}

// get is the context of the standard library, which is made if it is the first time.
func (w *waited) get(create func() (context.Context, context.CancelFunc)) context.Context {
	if made := w.made.Load(); made != nil {
		return made.Context
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if made := w.made.Load(); made != nil {
		return made.Context
	}
	made := &standard{}
	made.Context, made.cancel = create()
	if w.err != nil {
		made.cancel()
	}
	w.made.Store(made)
	return made.Context
}

// end notes why it has ended, and ends the context of the standard library, also if that is made later.
func (w *waited) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = cmp.Or(w.err, err)
	if made := w.made.Load(); made != nil {
		made.cancel()
	}
}

// note notes why it has ended, where the context of the standard library is about to end by itself. It returns what was noted first.
func (w *waited) note(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = cmp.Or(w.err, err)
	return w.err
}

// told is why it has ended, if that was noted or somebody waits; nil otherwise.
func (w *waited) told() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if made := w.made.Load(); w.err == nil && made != nil {
		return made.Err()
	}
	return w.err
}

// value is that of a key. What is waited for has the parent's values, and one by which contexts that derive from it find it.
func (w *waited) value(parent context.Context, key any) any {
	if made := w.made.Load(); made != nil {
		return made.Value(key)
	}
	return parent.Value(key)
}
