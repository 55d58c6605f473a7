package policy

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// Call is one call on its way through the policy, from before anything of its message is read. It is used by the goroutine that
// serves the call alone.
type Call struct {
	// RPC is the full name, such as shop.v1.StorefrontService/GetProduct.
	RPC     string
	Arrived time.Time
	Peer    Peer
	Caller  *identity.Caller
	// Challenges say which proofs of who calls count where it came in; nil for none. Nobody changes them.
	Challenges []string
	// Header is what the head of the answer will be, whether it is a response or an error; nil where nobody is told.
	Header http.Header
	// Decisions are those that were made about it, in their order.
	Decisions []Decision
	// Begun is set once its plan runs.
	Begun bool
	// Answer is what became of it; nil while it is under way, and if nobody could read its message.
	Answer *Answer

	told      Told // without a writer where it came in by another way than HTTP
	facts     Facts
	execution *Execution // nil without an Idempotency-Key
	// answer, fewDecisions and left are room for what most calls have, so that they need no memory besides.
	answer       Answer
	fewDecisions [2]Decision
	left         [1]string // the value of the header that tells what limits leave
}

// Answer is what became of a call.
type Answer struct {
	// Code is that of the error; 0 for a response.
	Code connect.Code
	// Span is the one that the call was served in; not valid where there is none.
	Span trace.SpanContext
	// Partial is set if something is missing from the response.
	Partial bool
}

// Answered notes what became of the call.
func (c *Call) Answered(answer Answer) {
	c.answer = answer
	c.Answer = &c.answer
}

// Code is what the client of a call that is over was told, 0 for a response, if that is known.
func (c *Call) Code() (code connect.Code, known bool) {
	switch {
	case c.Answer != nil:
		return c.Answer.Code, true
	case c.told.ResponseWriter == nil:
		return 0, false
	default:
		return c.told.Code()
	}
}

type callKey struct{}

// With is a context that carries a call.
func With(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// From is the call that a context carries; nil for none.
func From(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}
