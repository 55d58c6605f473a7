package upstreams

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// errRefusedAddress is that of a connection to where the upstream may not be.
var errRefusedAddress = errors.New("upstream's address is not public; write network: private if it is meant to be")

// guardPublic refuses connections to addresses that are not public. It sees what a name has resolved to, at the moment of each
// connection, so that no spelling and no answer of DNS gets around it; nothing has been sent by then.
func guardPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s cannot be read", errRefusedAddress, address)
	}
	if kind := special(target.Addr()); kind != "" {
		return fmt.Errorf("%w: %s is %s", errRefusedAddress, target.Addr(), kind)
	}
	return nil
}

// block is a range of addresses that are not public, by the registries of RFC 6890.
type block struct {
	prefix netip.Prefix
	kind   string
}

// blocks4 and blocks6 are in no order; they hold all that is not global unicast.
var (
	blocks4 = []block{
		{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
		{netip.MustParsePrefix("10.0.0.0/8"), "private"},
		{netip.MustParsePrefix("100.64.0.0/10"), "shared by a provider"},
		{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
		{netip.MustParsePrefix("172.16.0.0/12"), "private"},
		{netip.MustParsePrefix("192.0.0.0/24"), "for protocols"},
		{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
		{netip.MustParsePrefix("192.88.99.0/24"), "a relay"},
		{netip.MustParsePrefix("192.168.0.0/16"), "private"},
		{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
		{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
		{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
		{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
		{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	}
	blocks6 = []block{
		{netip.MustParsePrefix("64:ff9b:1::/48"), "a translation of IPv4"},
		{netip.MustParsePrefix("2001::/23"), "for protocols"}, // Teredo and ORCHID among them
		{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
		{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	}
	// embedding are the prefixes whose addresses hold one of IPv4, and at which byte.
	embedding = []struct {
		prefix netip.Prefix
		at     int
	}{
		{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
		{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
	}
)

// special says why an address is not public; empty if it is. An address of IPv6 that leads to one of IPv4 is judged by that.
func special(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return blockOf(blocks4, address)
	}
	bytes := address.As16()
	for _, one := range embedding {
		if one.prefix.Contains(address) {
			return blockOf(blocks4, netip.AddrFrom4([4]byte(bytes[one.at:one.at+4])))
		}
	}
	if address.IsLoopback() {
		return "loopback"
	}
	if bytes[0]>>5 != 1 { // outside of 2000::/3
		return "not global" // unspecified, unique local, link-local, multicast, and IPv4 in forms that nobody uses
	}
	return blockOf(blocks6, address)
}

func blockOf(blocks []block, address netip.Addr) string {
	for _, one := range blocks {
		if one.prefix.Contains(address) {
			return one.kind
		}
	}
	return ""
}
