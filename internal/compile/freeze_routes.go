package compile

import (
	"cmp"
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// freezeRoutes makes the routes of a plan, and tells the RPCs that they are about.
func (d *draft) freezeRoutes(frozen []*plan.RPC) []*plan.Route {
	var routes []*plan.Route
	for _, r := range d.routes {
		made := &plan.Route{
			Name: r.key.Key, When: r.when, Sticky: r.sticky, Share: 1, Answers: map[string]*plan.RPC{}, Binding: r.message.GetBinding(),
			Upstreams: r.message.GetUpstreams(), Shadow: r.message.GetShadow(), At: r.key.KeyAt,
		}
		if r.message.Share != nil {
			made.Share = r.message.GetShare()
		}
		made.BeyondRequest = made.Share < 1 && made.Sticky == nil || looksBeyondRequest(made.When) || looksBeyondRequest(made.Sticky)
		replacing := &replacing{draft: d, frozen: frozen, route: made, made: map[int]*plan.RPC{}}
		for _, about := range r.about {
			made.Answers[plan.Procedure(about.method)] = replacing.rpc(r.answers[about.index])
			frozen[about.index].Routes = append(frozen[about.index].Routes, made)
		}
		routes = append(routes, made)
	}
	return routes
}

// looksBeyondRequest reports whether an expression sees more than the request message.
func looksBeyondRequest(e *plan.Expression) bool {
	if e == nil {
		return false
	}
	for _, program := range e.Programs {
		if slices.ContainsFunc(program.Names, func(name string) bool { return name != requestName && name != rpcName }) {
			return true
		}
	}
	return false
}

// replacing makes RPCs that call the upstreams of a route.
type replacing struct {
	*draft

	frozen []*plan.RPC
	route  *plan.Route
	made   map[int]*plan.RPC
}

// rpc is what a route answers with: the RPC itself if it calls the upstreams that its binding names.
func (r *replacing) rpc(from *rpc) *plan.RPC {
	if len(r.route.Upstreams) == 0 {
		return r.frozen[from.index]
	}
	if known := r.made[from.index]; known != nil {
		return known
	}
	made := *r.frozen[from.index]
	r.made[from.index] = &made
	made.Route, made.Routes = r.route, nil
	made.Calls = make([]*plan.Call, len(from.calls))
	for i, c := range from.calls {
		made.Calls[i] = r.call(from, c)
	}
	return &made
}

// call is one with what follows from the upstream that it is made to.
func (r *replacing) call(of *rpc, c *call) *plan.Call {
	made := *r.frozen[of.index].Calls[c.index]
	if made.Callee != nil {
		callee := *made.Callee
		callee.Reaches = nil
		for _, reached := range c.callee.reaches {
			callee.Reaches = append(callee.Reaches, r.rpc(reached))
		}
		made.Callee = &callee
		return &made
	}
	moved, request := *c, *made.Request
	moved.upstream = cmp.Or(r.route.Upstreams[c.upstream], c.upstream)
	request.Upstream = moved.upstream
	made.Request, made.Timeout, made.Tries = &request, moved.timeout(r.draft, of), moved.tries(r.draft)
	return &made
}
