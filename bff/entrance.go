package bff

import (
	"net"
	"net/http"

	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// entrance is where clients' calls come in.
func (w *world) entrance() *policy.Entrance {
	return &policy.Entrance{Chain: w.chainOf(nil), PeerOf: peerOf, Done: w.answered}
}

// isAnonymous reports whether an RPC may be called without proof of who calls.
func (w *world) isAnonymous(rpc string) bool {
	return w.plan.Policy == nil || w.plan.Policy.Anonymous[rpc]
}

func peerOf(r *http.Request) policy.Peer {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return policy.Peer{IP: host, Listener: "public"}
}

// answered is told of each call that has come in, once it is over.
func (w *world) answered(r *http.Request, call *policy.Call, _ error) {
	w.server.usage.Add(call)
	w.recordDecisions(r, call)
}
