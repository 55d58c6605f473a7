package policy

import (
	"context"
	"time"

	"connectrpc.com/connect"

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
	// Decisions are those that were made about it, in their order.
	Decisions []Decision
	// Begun is set once its plan runs.
	Begun bool
	// Code is what it was answered with; 0 for well. Where nothing has set it, its message could not be read.
	Code connect.Code
}

// Begin notes that the call's plan runs. On a nil Call it does nothing.
func (c *Call) Begin() {
	if c != nil {
		c.Begun = true
	}
}

// Decision is one that was made about a call.
type Decision struct {
	// Kind is what was decided: allow, deny, limit, route, replay, ...
	Kind string
	// By is the name of the rule, limit or route that decided; empty for none.
	By string
	// Reason says more, for logs; it holds no secret and nothing of the message.
	Reason string
}

// Decide notes a decision. On a nil Call it does nothing.
func (c *Call) Decide(kind, by, reason string) {
	if c != nil {
		c.Decisions = append(c.Decisions, Decision{kind, by, reason})
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
