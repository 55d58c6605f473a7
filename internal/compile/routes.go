package compile

import (
	"regexp"
	"slices"
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// route is one of sheaf.yaml.
type route struct {
	key          source.Field
	message      *configv1.Route
	about        []*rpc
	when, sticky *plan.Expression
	// answers are what answers, by the index of the RPC that it is about.
	answers map[int]*rpc
}

// parseRoutes compiles the routes.
func parseRoutes(d *draft) error {
	node := d.project.ConfigFile.Root.Get("routes")
	if node == nil {
		return nil
	}
	p, err := d.newPolicyParser(map[string][]string{"headers": nil})
	if err != nil {
		return err
	}
	for _, key := range node.Fields {
		d.routes = append(d.routes, p.route(key, d.project.Config.GetRoutes()[key.Key]))
	}
	return nil
}

func (p *policyParser) route(key source.Field, message *configv1.Route) *route {
	node := key.Value
	r := &route{key: key, message: message, about: p.matching(node.Get("rpcs")), answers: map[int]*rpc{}}
	r.when = p.expression(node.Get("when"), r.about, aCondition)
	r.sticky = p.expression(node.Get("sticky"), r.about, aKey)
	if r.sticky != nil && message.Share == nil {
		p.report(node.Get("sticky"), "say how many with share: 0.01, for one in a hundred", "sticky decides who is among a share, and there is none")
	}
	p.checkLower(node.Get("when"))
	p.checkLower(node.Get("sticky"))
	p.checkPages(r)
	p.routeBinding(r)
	p.routeUpstreams(r)
	if message.GetShadow() {
		p.checkShadow(r)
	}
	return r
}

// checkPages refuses to leave to chance who goes on with a list.
func (p *policyParser) checkPages(r *route) {
	if r.message.Share == nil || r.message.GetShare() == 1 || r.message.GetShare() == 0 || r.sticky != nil || r.message.GetShadow() {
		return
	}
	for _, about := range r.about {
		if about.pages != nil {
			p.report(r.key.Value.Get("share"), "add sticky: with who calls, such as caller.id",
				"pages of %s are asked for one after another, and a page token is good for the route that made it", plan.Procedure(about.method))
		}
	}
}

// routeBinding finds what answers.
func (p *policyParser) routeBinding(r *route) {
	name := r.message.GetBinding()
	for _, about := range r.about {
		if name == "" {
			r.answers[about.index] = about
			continue
		}
		var known []string
		for _, other := range p.rpcs {
			if other.method.Parent().FullName() == about.method.Parent().FullName() && other.bindingName() != "" {
				known = append(known, other.bindingName())
			}
			if other.method.FullName() == about.method.FullName() && other.bindingName() == name {
				r.answers[about.index] = other
			}
		}
		if r.answers[about.index] != nil {
			continue
		}
		at := r.key.Value.Get("binding")
		switch {
		case slices.Contains(known, name):
			p.report(at, "bind it there, or name fewer RPCs in rpcs", "binding %q has no %s", name, plan.Procedure(about.method))
		case known == nil:
			p.report(at, "write a binding file of the service with name: "+name, "service %s has no binding with a name", about.method.Parent().FullName())
		default:
			slices.Sort(known)
			p.report(at, diag.DidYouMean("bindings", name, slices.Compact(known)), "unknown binding %q of %s", name, about.method.Parent().FullName())
		}
		return // one problem for all of them
	}
}

// routeUpstreams checks which upstreams are called instead of which.
func (p *policyParser) routeUpstreams(r *route) {
	node := r.key.Value.Get("upstreams")
	if node == nil {
		return
	}
	called := map[string]bool{}
	for _, answer := range r.answers {
		answer.eachCall(func(c *call) {
			if c.callee == nil {
				called[c.upstream] = true
			}
		})
	}
	known := upstreamNames(p.project.Config)
	for _, field := range node.Fields {
		switch {
		case !slices.Contains(known, field.Key):
			p.reportKey(field, diag.DidYouMean("upstreams", field.Key, known), "unknown upstream %q", field.Key)
		case !slices.Contains(known, field.Value.Text):
			p.report(field.Value, diag.DidYouMean("upstreams", field.Value.Text, known), "unknown upstream %q", field.Value.Text)
		case field.Key == field.Value.Text:
			p.report(field.Value, "name another upstream, or remove it", "upstream %q is called instead of itself", field.Key)
		case len(r.answers) > 0 && !called[field.Key]:
			p.reportKey(field, diag.DidYouMean("upstreams", field.Key, sortedKeys(called)), "nothing that the route is about calls upstream %q", field.Key)
		}
	}
}

// eachCall visits the calls of an RPC, and of all that it reaches in process.
func (r *rpc) eachCall(visit func(*call)) {
	for _, c := range r.calls {
		visit(c)
		if c.callee == nil {
			continue
		}
		for _, reached := range c.callee.reaches {
			reached.eachCall(visit)
		}
	}
}

// checkShadow refuses to do anything twice that is more than reading.
func (p *policyParser) checkShadow(r *route) {
	at := r.key.Value.Get("shadow")
	if r.message.GetBinding() == "" && len(r.message.GetUpstreams()) == 0 {
		p.report(at, "name the candidate with binding: or upstreams:", "route %s compares the answer with itself", r.key.Key)
	}
	for _, about := range r.about {
		if !isSafe(about) {
			p.report(at, "say so in the contract, with option idempotency_level = NO_SIDE_EFFECTS, or name other RPCs",
				"a shadow is only for RPCs without side effects, and %s may have some", plan.Procedure(about.method))
		}
		if answer := r.answers[about.index]; answer != nil {
			p.checkReads(at, about, answer)
		}
	}
}

// checkReads refuses a candidate that may write.
func (p *policyParser) checkReads(at *source.Node, about, candidate *rpc) {
	name := plan.Procedure(about.method)
	candidate.eachCall(func(c *call) {
		switch {
		case c.callee == nil && c.method != "GET":
			p.report(at, "name other RPCs", "a shadow is only for what reads, and %s of %s sends %s", c.key.Key, name, c.method)
		case c.callee != nil && c.callee.method == nil:
			p.report(at, "name other RPCs", "a shadow is only for what reads, and of function %s in %s nobody knows", c.callee.function, name)
		}
	})
}

// headerNames finds the names of headers in an expression, as headers["name"] or headers.name.
var headerNames = regexp.MustCompile(`\bheaders(?:\[\s*["']|\.)([A-Za-z0-9_-]+)`)

// checkLower refuses names of headers that no request can have, since expressions see them in lower case.
func (p *policyParser) checkLower(at *source.Node) {
	if at == nil {
		return
	}
	for _, found := range headerNames.FindAllStringSubmatchIndex(at.Text, -1) {
		name := at.Text[found[2]:found[3]]
		if lower := strings.ToLower(name); lower != name {
			p.problems.Add(at.At(found[2]), len(name), "write "+lower, "header %q is never there: names are in lower case", name)
		}
	}
}
