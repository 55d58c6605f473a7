package bff

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// entrance is where a listener's calls come in.
func (w *world) entrance(l *listener) *policy.Entrance {
	return &policy.Entrance{Chain: w.chainOf(l.identity), PeerOf: l.peerOf, Done: w.answered}
}

// isAnonymous reports whether an RPC may be called without proof of who calls.
func (w *world) isAnonymous(rpc string) bool {
	return len(w.identityProviders()) == 0 || w.plan.Policy.Anonymous[rpc]
}

// peerOf is where a request comes from. Its address has been found out at the edge.
func (l *listener) peerOf(r *http.Request) policy.Peer {
	peer := policy.Peer{IP: r.RemoteAddr, Listener: l.name}
	switch address, err := netip.ParseAddrPort(r.RemoteAddr); {
	case err != nil:
	case address.Addr().Is4():
		peer.IP = r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, ':')] // it can be written in one way only
	default:
		peer.IP = address.Addr().Unmap().WithZone("").String()
	}
	return peer
}

// answered is told of each call that has come in, once it is over.
func (w *world) answered(r *http.Request, call *policy.Call) {
	w.server.usage.Add(call)
	w.recordDecisions(r, call)
}
