package lazyctx

import (
	"context"
	"sync"
	"sync/atomic"
)

// waited is a context of the standard library that is made when somebody waits for it. Its zero value is ready for use.
type waited struct {
	made atomic.Pointer[cancellable]

	mu    sync.Mutex // held to make or end it
	ended bool
}

type cancellable struct {
	context.Context

	cancel context.CancelFunc
}

// get is the context, which is made if it is the first time.
func (w *waited) get(create func() (context.Context, context.CancelFunc)) context.Context {
	if made := w.made.Load(); made != nil {
		return made.Context
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if made := w.made.Load(); made != nil {
		return made.Context
	}
	made := &cancellable{}
	made.Context, made.cancel = create()
	if w.ended {
		made.cancel()
	}
	w.made.Store(made)
	return made.Context
}

// end ends the context, also if it is made later.
func (w *waited) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if made := w.made.Load(); made != nil {
		made.cancel()
	}
}

// err is why the context has ended; nil if it has not, or nobody waits.
func (w *waited) err() error {
	if made := w.made.Load(); made != nil {
		return made.Err()
	}
	return nil
}

// value is that of a key. What is waited for has the parent's values, and one by which contexts that derive from it find it.
func (w *waited) value(parent context.Context, key any) any {
	if made := w.made.Load(); made != nil {
		return made.Value(key)
	}
	return parent.Value(key)
}
