package bff

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sheaf-rpc/sheaf/internal/lazypb"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// route is a route of one RPC, with what answers.
type route struct {
	policy.Route

	shadow bool
	answer *procedure
	said   sampler // of a shadow
}

// rpc is the full name of the one that it is about.
func (r *route) rpc() string { return plan.Procedure(r.answer.plan.Method) }

// routes are those of an RPC. What answers them is bound once, here.
func (w *world) routes(rpc *plan.RPC, answer func(*plan.RPC) *procedure) []*route {
	var routes []*route
	name := plan.Procedure(rpc.Method)
	for _, one := range rpc.Routes {
		routes = append(routes, &route{
			Route:  policy.Route{Name: one.Name, When: one.When.For(name), Sticky: one.Sticky.For(name), Share: one.Share},
			shadow: one.Shadow, answer: answer(one.Answers[name]),
		})
	}
	return routes
}

// choose finds what answers a request, and what runs in the shadow of that: all that are about it.
func (p *procedure) choose(ctx context.Context, request *connect.Request[lazypb.Message]) (answer *procedure, shadows []*route) {
	if len(p.routes) == 0 {
		return p, nil
	}
	facts := policy.From(ctx).Facts(request.Msg, time.Now())
	facts.Header = request.Header()
	name := ""
	for _, one := range p.routes {
		if !one.shadow && answer != nil || !one.Takes(ctx, facts) {
			continue
		}
		if one.shadow {
			shadows = append(shadows, one)
			continue
		}
		answer, name = one.answer, one.Name
		policy.From(ctx).Decide(policy.Routed, name, "")
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("sheaf.route", name))
	}
	if answer == nil {
		answer = p
	}
	p.server.meters.routes.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.rpc", p.plan.Name()), attribute.String("sheaf.route", name)))
	return answer, shadows
}

// longest is the time that the slowest of all that may answer has.
func (p *procedure) longest() time.Duration {
	longest := p.timeout
	for _, one := range p.routes {
		if !one.shadow {
			longest = max(longest, one.answer.timeout)
		}
	}
	return longest
}

// cost is that of the dearest of all that may answer: which one does is known only when the request has been read.
func (p *procedure) cost() int {
	cost := p.plan.Cost
	for _, one := range p.routes {
		if !one.shadow {
			cost = max(cost, one.answer.plan.Cost)
		}
	}
	return cost
}
