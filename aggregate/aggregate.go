// Package aggregate is for running plans: a plan and a request in, a response in protobuf wire bytes out. Each call starts
// the moment its own inputs exist; the answers become one message in plan order, so that arrival order changes nothing.
//
// It knows neither how requests arrive nor how upstreams are made safe.
package aggregate

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// World is what plans run against.
type World struct {
	// Upstreams are by the names that plans give them.
	Upstreams map[string]Upstream
	// Functions are call targets in Go, by the names that plans give them.
	Functions map[string]Callee
	// Accounts are those that calls can be made for; nil for none.
	Accounts Accounts
	// Tokens seals page tokens; nil if no RPC is paged.
	Tokens *pagetoken.Sealer
	// Validate checks the request of an RPC that is called in process against its contract; nil for no check. Its error is a
	// *RequestError if the request is wrong.
	Validate func(protoreflect.Message) error
}

// Callee is a Go function that a call reaches in process. It must be safe for concurrent use. The error is a *Failure, or wraps one, if
// more can be said than that the callee failed.
type Callee interface {
	Call(ctx context.Context, request []byte) (response []byte, err error)
}

// Accounts are the accounts that calls can be made for. They must be safe for concurrent use.
type Accounts interface {
	// Attributes are those of an account, as a JSON object; false if there is no such account.
	Attributes(id string) ([]byte, bool)
}

// RPC is a planned RPC with what it runs against. It is safe for concurrent use.
type RPC struct {
	plan  *plan.RPC
	world *World
	// targets are by call.
	targets []target
	// lastSize is that of the last response in bytes.
	lastSize atomic.Int64
}

// target is what a call reaches: an upstream with its error rules, or callees by the names of RPCs.
type target struct {
	upstream Upstream
	rules    *plan.Upstream
	function Callee
	rpcs     map[string]*RPC
}

// Bind joins the RPCs of a plan with the world: those of its services, and those of its routes. The error names a call whose
// target the world lacks.
func Bind(planned *plan.Plan, world *World) (map[*plan.RPC]*RPC, error) {
	all := map[*plan.RPC]*RPC{}
	for _, rpc := range planned.All() {
		all[rpc] = &RPC{plan: rpc, world: world}
	}
	rules := map[string]*plan.Upstream{}
	for _, upstream := range planned.Upstreams {
		rules[upstream.Name] = upstream
	}
	for _, rpc := range all {
		for _, call := range rpc.plan.Calls {
			bound, err := bindCall(call, world, rules, all)
			if err != nil {
				return nil, fmt.Errorf("bind %s: call %s: %w", rpc.plan.Name(), call.Name, err)
			}
			rpc.targets = append(rpc.targets, bound)
		}
	}
	return all, nil
}

func bindCall(call *plan.Call, world *World, rules map[string]*plan.Upstream, all map[*plan.RPC]*RPC) (target, error) {
	switch {
	case call.Request != nil:
		upstream, ok := world.Upstreams[call.Request.Upstream]
		if !ok {
			return target{}, fmt.Errorf("no upstream %s", call.Request.Upstream)
		}
		return target{upstream: upstream, rules: rules[call.Request.Upstream]}, nil
	case call.Callee.Method == nil:
		function, ok := world.Functions[call.Callee.Function]
		if !ok {
			return target{}, fmt.Errorf("no function %s", call.Callee.Function)
		}
		return target{function: function}, nil
	default:
		bound := target{rpcs: map[string]*RPC{}}
		for _, reached := range call.Callee.Reaches {
			bound.rpcs[reached.Binding] = all[reached]
		}
		return bound, nil
	}
}

// Result is what became of an RPC that has a response.
type Result struct {
	// Message is the response in wire bytes, with its Partial where the contract has a field for it.
	Message []byte
	// Header and Trailer are the metadata that the binding declares; may be nil.
	Header, Trailer http.Header
	// Partial says what is missing; nil if nothing is.
	Partial *sheafv1.Partial
	// Drifts are what Partial reports as drifts, with what is only for logs; MoreDrifts counts those that were not kept.
	Drifts     []Drift
	MoreDrifts int
	// Calls are in plan order.
	Calls []CallResult
	// Freshness says how far the message may be kept. One from which something is missing may not be.
	Freshness Freshness
}

// CallResult is what became of a call.
type CallResult struct {
	Name string
	// Started counts from the start of the RPC, and Duration from the start of the call; both are 0 for a call that was
	// never made.
	Started, Duration time.Duration
	// Made is set if the target was asked, and Requests is how often.
	Made     bool
	Requests int
	// Status is the answer's HTTP status; 0 for none, or for several.
	Status int
	// Absent is set if there is none of what was asked for.
	Absent bool
	// StaleAge is how old an answer is that is older than it should be; 0 if none is.
	StaleAge time.Duration
	// Failure says why there is no answer; nil if there is one, or Absent is set. Of an optional call with each it is that of
	// the first element that failed.
	Failure *Failure
	// Inner is what is missing from the answers of RPCs that were called in process, by the call's name and theirs.
	Inner []*sheafv1.MissingCall
	// drifts are those of RPCs that were called in process.
	drifts []Drift
	// told is set if the binding itself tells clients what failed.
	told bool
}

// Caller is whoever calls.
type Caller struct {
	// Key is a text that no other caller has. Page tokens are good for its caller alone.
	Key string
	// JSON is an object with what expressions see; nil for nothing.
	JSON []byte
}

// Input is what a client sends.
type Input struct {
	Request protoreflect.Message
	// Header is the client's; only what calls declare is sent on. It may be nil.
	Header http.Header
	// Caller is whoever calls; the zero Caller is someone of whom nothing is known.
	Caller Caller
	// Awaited is set if the client has said how long it waits.
	Awaited bool
	// Lean leaves out optional calls, for want of capacity.
	Lean bool
	// Writes follow what may change something; nil if nobody asks.
	Writes *Writes
}

// Run runs the RPC. The response is nil if and only if the error is not. The error is a *RequestError if the request cannot
// be used, a *CallError if a required call failed, a *DriftError if a required field has no value, or wraps the error of
// ctx.
func (r *RPC) Run(ctx context.Context, input Input) (*Result, error) {
	state := newRun(r, input)
	if err := state.prepare(ctx); err != nil {
		return nil, err
	}
	if err := state.dataflow(ctx); err != nil {
		return nil, err
	}
	return state.result(ctx)
}
