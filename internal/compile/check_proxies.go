package compile

import (
	"net/netip"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkProxies refuses addresses that no proxy could have, or that everybody has.
func (d *draft) checkProxies(server *source.Node) {
	trusted := server.Get("trusted_proxies")
	if trusted != nil {
		for _, at := range trusted.Items {
			if message, hint := wrongPrefix(at.Text); message != "" {
				d.report(at, hint, "%q %s", at.Text, message)
			}
		}
	}
	if protocol := server.Get("proxy_protocol"); protocol != nil && protocol.Text == "true" && (trusted == nil || len(trusted.Items) == 0) {
		d.report(protocol, "add trusted_proxies: [10.0.0.0/8], the addresses of the proxies", "the PROXY protocol is only for trusted proxies, and there is none")
	}
}

// wrongPrefix says what is wrong with a block of addresses, and what to do.
func wrongPrefix(text string) (message, hint string) {
	const example = "write it as 10.0.0.0/8, or as one address"
	if isOpen(text) {
		return "", ""
	}
	prefix, err := parsePrefix(text)
	switch {
	case err != nil:
		return "is no block of addresses", example
	case prefix.Bits() == 0:
		return "is every address, so that anybody's word would count", "name the addresses of the proxies alone"
	case prefix.Addr().Is4In6():
		return "is an IPv4 address within IPv6", "write the IPv4 address itself"
	case prefix != prefix.Masked():
		return "has an address that is not the first of its block", "write it as " + prefix.Masked().String()
	default:
		return "", ""
	}
}

// parsePrefix reads a block of addresses, or one address.
func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func (d *draft) freezeProxies() plan.Proxies {
	config := d.project.Config.GetServer()
	frozen := plan.Proxies{Protocol: config.GetProxyProtocol()}
	for _, text := range config.GetTrustedProxies() {
		if prefix, err := parsePrefix(text); err == nil { // what holds a hole is none
			frozen.Trusted = append(frozen.Trusted, prefix)
		}
	}
	return frozen
}
