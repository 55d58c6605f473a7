package upstreams

import (
	"context"
	"net/netip"
	"syscall"
)

// Special is for tests.
var Special = special

// OnDial calls a function before each dial that the guard lets pass. It must come before the first call.
func OnDial(client *Client, do func(netip.Addr) error) {
	dialer := (&transports{config: &client.config}).newDialer()
	guard := dialer.ControlContext
	dialer.ControlContext = func(ctx context.Context, network, address string, connection syscall.RawConn) error {
		if err := guard(ctx, network, address, connection); err != nil {
			return err
		}
		return do(netip.MustParseAddrPort(address).Addr())
	}
	client.balancer.addresses[0].transport.plain = newPlain(&client.config, dialer.DialContext)
}
