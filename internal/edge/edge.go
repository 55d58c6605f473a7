// Package edge is for what holds for every HTTP request of a listener before it is an RPC: where it comes from, which pages may send
// it, and what every answer tells browsers.
package edge

import (
	"net/http"
	"net/netip"
)

// Rules hold for one listener. Nothing changes them, so they are safe for concurrent use. The zero Rules are those of a listener
// without proxies and pages.
type Rules struct {
	// Proxies are those in front of the listener.
	Proxies Proxies
	// Origins are those of the pages that may call, besides our own; nil for none.
	Origins *Origins
}

// Admit sets what every answer has in its header. It returns the request with the client's address as its RemoteAddr, or nil if it has
// answered the request itself: a preflight, or one that is refused.
func (e *Rules) Admit(w http.ResponseWriter, r *http.Request) *http.Request {
	setHeaders(w.Header(), r)
	if e.Origins.admit(w, r) {
		return nil
	}
	if !e.Origins.mayAct(r) {
		http.Error(w, "a page of another origin cannot act for the holder of a certificate", http.StatusForbidden)
		return nil
	}
	if len(e.Proxies) == 0 {
		return r
	}
	client, err := e.Proxies.Client(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil
	}
	return from(r, client)
}

// from is a request with another address; the zero address leaves it as it is.
func from(r *http.Request, client netip.Addr) *http.Request {
	if !client.IsValid() {
		return r
	}
	moved := new(http.Request)
	*moved = *r
	moved.RemoteAddr = netip.AddrPortFrom(client, 0).String() // the port is the proxy's to know
	return moved
}
