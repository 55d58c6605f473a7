package upstreams

import (
	"context"
	"sync/atomic"
)

// sending is a request on its way to the wire. It bounds what a transport does by itself: repeating a request whose connection broke.
type sending struct {
	ctx  context.Context // the attempt's
	base *base
	// repeatable says whether the upstream takes the request twice as once.
	repeatable bool
	// connected is set when there was a connection for the request.
	connected atomic.Bool
}

// begin prepares for an attempt, whose context ctx is.
func (s *sending) begin(ctx context.Context, to *base, request *Request) {
	s.ctx, s.base, s.repeatable = ctx, to, request.isRepeatable()
}

// Connected is told of each connection that the request gets.
func (s *sending) Connected() { s.connected.Store(true) }

// MayRepeat counts a repetition, if there may be one: of what the upstream cannot have seen, or takes twice as once.
func (s *sending) MayRepeat(written bool) bool { return (s.repeatable || !written) && s.repeat() }

// repeat counts a repetition, if there is one left.
func (s *sending) repeat() bool {
	may := s.base.budget.repeat()
	if may {
		s.base.observer.resent(s.ctx)
	}
	return may
}
