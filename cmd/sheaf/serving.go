package main

import (
	"log/slog"
	"net"
	"net/netip"

	"github.com/sheaf-rpc/sheaf/bff"
)

// logServing says where a project is served, and what stands between clients and its RPCs.
func logServing(logger *slog.Logger, dir string, address net.Addr, status bff.Status) {
	logger.Info("serving", slog.String("address", address.String()), slog.String("dir", dir), slog.String("version", version()),
		slog.String("plan", status.Digest), slog.Any("", status.Guards)) // a group without a key is part of the line
	if status.Guards.Open() && !isLoopback(address) {
		logger.Warn("whoever reaches the address may call every RPC; policy.identity and policy.rules say who may", "address", address.String())
	}
}

// warnAdmin says so where the tokens of operators leave this machine for everybody on the way to read.
func warnAdmin(logger *slog.Logger, address net.Addr, speaksTLS bool) {
	if !speaksTLS && !isLoopback(address) {
		logger.Warn("the admin API speaks clear text, so that tokens of operators can be read on the way; give it admin.tls, or an address of this machine",
			"address", address.String())
	}
}

// isLoopback reports whether only programs of this machine reach an address.
func isLoopback(address net.Addr) bool {
	parsed, err := netip.ParseAddrPort(address.String())
	return err == nil && parsed.Addr().Unmap().IsLoopback()
}
