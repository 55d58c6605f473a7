package bff

import (
	"context"
	"maps"
	"net/http"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/lazyctx"
	"github.com/sheaf-rpc/sheaf/internal/lazypb"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// procedure is a bound RPC, ready to run.
type procedure struct {
	server    *Server
	plan      *plan.RPC
	rpc       *aggregate.RPC
	validator protovalidate.Validator
	// timeout is the RPC's own, within the server's.
	timeout time.Duration
	// vary are the client's headers that responses depend on.
	vary []string
	// routes are those of the RPC; beyondRequest is set if the request message alone does not tell which takes it.
	routes        []*route
	beyondRequest bool
	shadows       *shadows
	partials      partials
	// filter takes hidden fields out of responses; nil for none.
	filter *policy.FieldFilter
	// logged is set if decisions about calls are.
	logged bool
	// personal is set if responses depend on who calls.
	personal bool
}

// openProcedures makes the procedures of all RPCs, and of those that routes make of them.
func (w *world) openProcedures(bound map[*plan.RPC]*aggregate.RPC, validator protovalidate.Validator) {
	reports := newPartials(w.responseTypes)
	withoutRoutes := func(rpc *plan.RPC) *procedure {
		return &procedure{
			server: w.server, plan: rpc, rpc: bound[rpc], validator: validator, timeout: w.timeout(rpc), vary: w.varyOf(rpc), shadows: w.shadows, partials: reports,
			personal: w.isPersonal(rpc), logged: w.plan.Policy != nil,
		}
	}
	for _, service := range w.plan.Services {
		for _, rpc := range service.RPCs {
			made := withoutRoutes(rpc)
			made.filter = w.fieldFilter(rpc)
			made.personal = made.personal || made.filter != nil
			made.routes, made.beyondRequest = w.routes(rpc, withoutRoutes), isBeyondRequest(rpc)
			for _, route := range made.routes {
				route.answer.personal = route.answer.personal || made.personal
			}
			w.procedures[rpc.Name()] = made
		}
	}
}

func (w *world) timeout(rpc *plan.RPC) time.Duration {
	if rpc.Timeout > 0 {
		return min(rpc.Timeout, w.plan.Server.MaxTimeout)
	}
	return w.plan.Server.MaxTimeout
}

// serve answers a request that every interceptor has let through.
func (p *procedure) serve(ctx context.Context, request *connect.Request[lazypb.Message]) (*connect.Response[response], error) {
	policy.From(ctx).Begun = true
	chosen, shadows := p.choose(ctx, request)
	input := aggregate.Input{
		Request: request.Msg, Header: request.Header(), Caller: callerOf(ctx), Awaited: policy.IsAwaited(ctx), Lean: policy.IsLean(ctx),
		Writes: writesOf(ctx),
	}
	if len(p.routes) > 0 {
		bounded := lazyctx.WithDeadline(ctx, time.Now().Add(chosen.timeout)) // within that of the slowest
		defer bounded.End()
		ctx = bounded
	}
	running := ctx
	if p.logged && len(chosen.plan.Calls) > 0 {
		var gathered *trail
		running, gathered = follow(ctx)
		defer gathered.end(policy.From(ctx))
	}
	result, err := chosen.run(running, input)
	if err != nil {
		return nil, err
	}
	p.shadows.begin(ctx, shadows, &input, result.Message)
	answer := connect.NewResponse(&response{result.Message})
	if len(result.Header) > 0 || len(result.Trailer) > 0 {
		maps.Copy(answer.Header(), result.Header)
		maps.Copy(answer.Trailer(), result.Trailer)
	}
	if request.HTTPMethod() == http.MethodGet {
		chosen.setFreshness(answer.Header(), result)
		if p.beyondRequest {
			setNoCache(answer.Header())
		}
	}
	if result.Partial != nil {
		answer.Header().Set(partialHeader, p.partials.text(result.Partial))
	}
	return answer, nil
}

// callerOf is the caller as plans know it.
func callerOf(ctx context.Context) aggregate.Caller {
	caller := policy.From(ctx).Caller
	return aggregate.Caller{Key: caller.Key(), JSON: caller.JSON()}
}

// run runs the plan, and tells operators what they need to know. The error is a *connect.Error that is safe for clients.
func (p *procedure) run(ctx context.Context, input aggregate.Input) (*aggregate.Result, error) {
	result, err := p.rpc.Run(ctx, input)
	if err != nil {
		p.logFailure(ctx, err)
		return nil, p.failure(ctx, err)
	}
	p.record(ctx, result)
	return result, nil
}
