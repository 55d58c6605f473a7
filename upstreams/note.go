package upstreams

import (
	"context"

	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
)

// Note tells of something that was done about a call other than sending its request once.
type Note struct {
	Kind NoteKind
	// Upstream and Call are the names of both.
	Upstream, Call string
	// Reason says more, in a word: how the cache answered, or what failed before.
	Reason string
}

// NoteKind says what was done.
type NoteKind string

// The kinds of notes.
const (
	NoteCache   NoteKind = "cache"   // what was kept is the answer
	NoteBreaker NoteKind = "breaker" // an open circuit breaker refused the call
	NoteRetry   NoteKind = "retry"   // the request was made again, since it had failed
	NoteHedge   NoteKind = "hedge"   // it was made a second time, since it was slow
)

type notesKey struct{}

// WithNotes is a context whose calls are told of to a function, which may be called concurrently, and after a call has ended.
func WithNotes(ctx context.Context, note func(Note)) context.Context {
	return lazyctx.WithValue(ctx, notesKey{}, note)
}

// noteIn tells of something, if anybody listens.
func noteIn(ctx context.Context, note Note) {
	if listener, ok := ctx.Value(notesKey{}).(func(Note)); ok {
		listener(note)
	}
}
