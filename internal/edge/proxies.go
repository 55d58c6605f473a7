package edge

import (
	"errors"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are blocks of addresses of proxies whose word counts on where a request comes from.
type Proxies []netip.Prefix

// errUnknownClient is told to clients: one that a trusted proxy says nothing useful of is not let in as somebody else.
var errUnknownClient = errors.New("the proxy does not say where the request comes from")

// Trust reports whether an address is a proxy's.
func (p Proxies) Trust(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(block netip.Prefix) bool { return block.Contains(address) })
}

// Client is the address that a request comes from, as proxies say in X-Forwarded-For or in Forwarded (RFC 7239): each has added the
// one that it was called from at the right, so it is the rightmost that is no proxy's, and what is left of it is the client's own word.
// It is the zero address if the request comes from no proxy. If both headers are there, they have to agree, since a proxy may
// write one and pass on the other as a client wrote it.
func (p Proxies) Client(r *http.Request) (netip.Addr, error) {
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok || !p.Trust(peer) {
		return netip.Addr{}, nil
	}
	var clients []netip.Addr
	for _, hops := range []iter.Seq[string]{forwardedFor(r.Header["X-Forwarded-For"]), forwarded(r.Header["Forwarded"])} {
		client, err := p.nearest(hops)
		if err != nil {
			return netip.Addr{}, err
		}
		if client.IsValid() {
			clients = append(clients, client)
		}
	}
	switch {
	case len(clients) == 0:
		return netip.Addr{}, nil
	case len(clients) == 2 && clients[0] != clients[1]:
		return netip.Addr{}, errUnknownClient
	default:
		return clients[0], nil
	}
}

// nearest is the first of addresses that is no proxy's, or else the last; the zero address if there are none.
func (p Proxies) nearest(hops iter.Seq[string]) (netip.Addr, error) {
	var last netip.Addr
	for hop := range hops {
		address, ok := parseAddress(hop)
		if !ok {
			return last, errUnknownClient
		}
		if last = address; !p.Trust(address) {
			break
		}
	}
	return last, nil
}

// forwardedFor are the elements of X-Forwarded-For, from the right.
func forwardedFor(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for line != "" {
				comma := strings.LastIndexByte(line, ',')
				element := strings.Trim(line[comma+1:], " \t")
				line = line[:max(comma, 0)]
				if element != "" && !yield(element) { // an empty one is none (RFC 9110, section 5.6.1)
					return
				}
			}
		}
	}
}

// parseAddress reads an IP address, in brackets if it is one of IPv6, and with or without a port. IPv4 within IPv6 is IPv4. One with
// a zone is none: it means something on one machine only.
func parseAddress(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		inner, bracketed := strings.CutPrefix(text, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		if bracketed && closed {
			address, err = netip.ParseAddr(inner)
			return address.Unmap(), err == nil && address.Is6() && address.Zone() == ""
		}
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap(), address.Zone() == ""
}
