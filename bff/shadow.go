package bff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/compare"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// maxShadows bounds the candidates that run at once: they must never take what answers need.
const maxShadows = 16

// maxShadowAnswer bounds the answers that are compared, in bytes: to compare them, they are built, which takes many times as much.
const maxShadowAnswer = 256 << 10

// shadows run candidates beside a world's answers, each in a goroutine of its own, and tell what they would have answered. It is safe for
// concurrent use.
type shadows struct {
	server *Server
	types  *dynamicpb.Types
	slots  chan struct{}
	ctx    context.Context //nolint:containedctx // that of all of them: they outlive what began them
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newShadows(server *Server, types *dynamicpb.Types) *shadows {
	s := &shadows{server: server, types: types, slots: make(chan struct{}, maxShadows)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close ends all that run, and waits for them.
func (s *shadows) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
}

// enter takes room for one more; false if there is none.
func (s *shadows) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	select {
	case s.slots <- struct{}{}:
		s.running.Add(1)
		return true
	default:
		return false
	}
}

func (s *shadows) leave() {
	<-s.slots
	s.running.Done()
}

// begin lets candidates answer what has been answered. What is short of room, too large, or in the middle of pages that are the answer's own,
// is left out.
func (s *shadows) begin(ctx context.Context, candidates []*route, input *aggregate.Input, answer []byte) {
	for _, one := range candidates {
		switch {
		case len(answer) > maxShadowAnswer || isLaterPage(one.answer.plan.Pages, input.Request):
			s.count(ctx, one, shadowSkipped)
		case policy.IsLean(ctx) || !s.enter():
			s.count(ctx, one, shadowDropped)
		default:
			own := *input
			own.Header, own.Lean = input.Header.Clone(), false
			ctx := trace.ContextWithSpanContext(s.ctx, trace.SpanContextFromContext(ctx))
			go s.run(ctx, one, &own, bytes.Clone(answer)) // the answer's bytes are used again once it has been sent
		}
	}
}

// isLaterPage reports whether a request goes on where an answer ended. Page tokens are good for whoever made them alone.
func isLaterPage(pages *plan.Pages, request protoreflect.Message) bool {
	return pages != nil && request.Get(pages.Token).String() != ""
}

func (s *shadows) run(ctx context.Context, one *route, input *aggregate.Input, answer []byte) {
	defer s.leave()
	ctx, cancel := context.WithTimeout(ctx, one.answer.timeout)
	defer cancel()
	ctx, span := s.server.settings.tracers.Tracer(instrumentation).Start(ctx, "shadow "+one.Name)
	defer span.End()
	fields, err := s.compare(ctx, one.answer, input, answer)
	if s.ctx.Err() != nil {
		s.count(ctx, one, shadowDropped)
		return
	}
	s.tell(ctx, one, fields, err)
}

// errShadowLarge says that a candidate's answer is not compared.
var errShadowLarge = errors.New("the answer is too large to be compared")

// compare runs a candidate, and compares what it answers with an answer.
func (s *shadows) compare(ctx context.Context, candidate *procedure, input *aggregate.Input, answer []byte) (fields []compare.Field, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("recovered from a panic: %v\n%s", cause, debug.Stack())
		}
	}()
	result, err := candidate.rpc.Run(ctx, *input)
	if err != nil {
		return nil, err
	}
	if len(result.Message) > maxShadowAnswer {
		return nil, errShadowLarge
	}
	apart := compare.Apart{Ignored: candidate.plan.PartialField}
	if pages := candidate.plan.Pages; pages != nil {
		apart.Opaque = pages.NextToken.Number()
	}
	var messages [2]*dynamicpb.Message
	for i, wire := range [][]byte{answer, result.Message} {
		messages[i] = dynamicpb.NewMessage(candidate.plan.Method.Output())
		if err := (proto.UnmarshalOptions{Resolver: s.types}).Unmarshal(wire, messages[i]); err != nil {
			return nil, fmt.Errorf("read response: %w", err)
		}
	}
	return compare.Messages(messages[0], messages[1], apart), nil
}
