// Package aggregate is for running plans: a plan and a request in, a response in protobuf wire bytes out. Each call starts
// the moment its own inputs exist; the answers become one message in plan order, so that arrival order changes nothing.
//
// It knows neither how requests arrive nor how upstreams are made safe.
package aggregate

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/projection"
)

// RPC is a planned RPC with its upstreams. It is safe for concurrent use.
type RPC struct {
	plan      *plan.RPC
	upstreams []Upstream // by call
}

// Bind joins an RPC with its upstreams, by the names that its calls give them.
func Bind(rpc *plan.RPC, upstreams map[string]Upstream) (*RPC, error) {
	bound := &RPC{plan: rpc, upstreams: make([]Upstream, len(rpc.Calls))}
	for i, call := range rpc.Calls {
		upstream, ok := upstreams[call.Upstream]
		if !ok {
			return nil, fmt.Errorf("bind %s: call %s: no upstream %s", rpc.Name(), call.Name, call.Upstream)
		}
		bound.upstreams[i] = upstream
	}
	return bound, nil
}

// Result is what became of an RPC that has a response.
type Result struct {
	// Message is the response in wire bytes, with its Partial where the contract has a field for it.
	Message []byte
	// Partial says what is missing; nil if nothing is.
	Partial *sheafv1.Partial
	// Drifts are what Partial reports as drifts, with what is only for logs; MoreDrifts counts those that were not kept.
	Drifts     []projection.Report
	MoreDrifts int
	// Calls are in plan order.
	Calls []CallResult
}

// CallResult is what became of a call.
type CallResult struct {
	Name string
	// Started counts from the start of the RPC, and Duration from the start of the call; both are 0 for a call that was
	// never made.
	Started, Duration time.Duration
	// Made is set if the upstream was asked.
	Made bool
	// Status is the answer's HTTP status; 0 for none.
	Status int
	// Absent is set if there is none of what was asked for.
	Absent bool
	// Failure says why there is no answer; nil if there is one, or Absent is set.
	Failure *Failure
}

// Run runs the RPC. The response is nil if and only if the error is not. The error is a *RequestError if a value of the
// request cannot be used, a *CallError if a required call failed, a *DriftError if a required field has no value, or
// wraps the error of ctx.
func (r *RPC) Run(ctx context.Context, request protoreflect.Message) (*Result, error) {
	state := newRun(r, request)
	if err := state.checkRequest(ctx); err != nil {
		return nil, err
	}
	if err := state.dataflow(ctx); err != nil {
		return nil, err
	}
	return state.result(ctx)
}
