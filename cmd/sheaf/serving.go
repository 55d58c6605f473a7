package main

import (
	"log/slog"
	"net"
	"net/netip"

	"github.com/sheaf-rpc/sheaf/bff"
)

// logServing says where a project is served, and what stands between clients and its RPCs.
func logServing(logger *slog.Logger, dir string, address net.Addr, status bff.Status) {
	guards := status.Guards
	identity := guards.Identity
	if len(identity) == 0 {
		identity = []string{"anonymous"}
	}
	logger.Info("serving", "address", address.String(), "dir", dir, "version", version(), "plan", status.Digest,
		"tls", guards.TLS, "identity", identity, "rules", guards.Rules, "limits", guards.Limits)
	if guards.Open() && !isLoopback(address) {
		logger.Warn("whoever reaches the address may call every RPC; policy.identity and policy.rules say who may", "address", address.String())
	}
}

// isLoopback reports whether only programs of this machine reach an address.
func isLoopback(address net.Addr) bool {
	parsed, err := netip.ParseAddrPort(address.String())
	return err == nil && parsed.Addr().Unmap().IsLoopback()
}
