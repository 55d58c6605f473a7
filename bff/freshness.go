package bff

import (
	"net/http"
	"slices"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// setFreshness says how far the response to a GET may be kept, so that browsers and content delivery networks can, and which headers of
// requests it depends on besides those that Connect names.
func (p *procedure) setFreshness(header http.Header, result *aggregate.Result) {
	passing := httpcache.Passing(result.Freshness)
	passing.Private = passing.Private || p.personal || len(header["Set-Cookie"]) > 0
	header.Set("Cache-Control", passing.CacheControl())
	header["Vary"] = slices.Concat(header["Vary"], p.vary)
}

// setNoCache lets caches give a response only to the one who has it, and only after they have asked again: another time, something else
// may answer.
func setNoCache(header http.Header) {
	if header.Get("Cache-Control") != "no-store" {
		header.Set("Cache-Control", "private, no-cache")
	}
}

// isBeyondRequest reports whether what answers an RPC depends on more than its request message.
func isBeyondRequest(rpc *plan.RPC) bool {
	for _, one := range rpc.Routes {
		if one.BeyondRequest && !one.Shadow {
			return true
		}
	}
	return false
}

// isPersonal reports whether the responses of an RPC depend on who calls, so that no shared cache may keep them: what it returns, be it
// by a page's token, or whether anything.
func (w *world) isPersonal(rpc *plan.RPC) bool {
	for _, one := range withReached(rpc) {
		if one.Shapes.Caller != nil {
			return true
		}
	}
	guard := w.plan.Policy
	if guard == nil {
		return false
	}
	proven := len(guard.Providers) > 0 && (!guard.Anonymous[rpc.Name()] || rpc.Pages != nil)
	return proven || len(guard.Rules) > 0
}

// varyOf are the headers of requests that responses of an RPC depend on, besides those that Connect names.
func (w *world) varyOf(rpc *plan.RPC) []string {
	names := forwarded(rpc)
	if w.plan.Policy != nil && len(w.plan.Policy.Providers) > 0 {
		names = append(names, proofHeaders(w.plan.Policy)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// forwarded are the headers of clients that an RPC sends on, itself or through RPCs that it calls in process, sorted.
func forwarded(rpc *plan.RPC) []string {
	var names []string
	for _, one := range withReached(rpc) {
		for _, call := range one.Calls {
			if call.Request == nil {
				continue
			}
			for _, name := range call.Request.Forward {
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// withReached are an RPC and those that it calls in process, itself or through them.
func withReached(rpc *plan.RPC) []*plan.RPC {
	all := []*plan.RPC{rpc}
	for i := 0; i < len(all); i++ {
		for _, call := range all[i].Calls {
			if call.Callee == nil {
				continue
			}
			for _, reached := range call.Callee.Reaches {
				if !slices.Contains(all, reached) {
					all = append(all, reached)
				}
			}
		}
	}
	return all
}
