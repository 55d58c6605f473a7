package bff

import (
	"crypto/tls"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/tlsfile"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

func balanceConfig(balance *plan.Balance) *upstreams.BalanceConfig {
	if balance == nil {
		return nil
	}
	return &upstreams.BalanceConfig{
		Addresses: balance.Addresses, LeastLoaded: balance.LeastLoaded,
		Ejection: upstreams.EjectionConfig(balance.Ejection), HealthCheck: (*upstreams.HealthCheckConfig)(balance.HealthCheck),
	}
}

// upstreamTLS is what tls of an upstream says; nil for nothing.
func upstreamTLS(from *plan.TLS, reading *secretReader) (*upstreams.TLSConfig, diag.Problems) {
	if from == nil {
		return nil, nil
	}
	read, problems := readTLS(from, reading)
	return &upstreams.TLSConfig{Authorities: read.RootCAs, Certificate: read.GetClientCertificate, Pins: from.Pins, ServerName: from.ServerName}, problems
}

// readTLS reads the files that tls names. One that cannot be used is a problem with its place.
func readTLS(from *plan.TLS, reading *secretReader) (*tls.Config, diag.Problems) {
	var problems diag.Problems
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: from.ServerName}
	if from.CA.Path != "" {
		if authorities, err := tlsfile.ReadAuthorities(from.CA.Path); err != nil {
			problems.Add(from.CA.At, 0, putThere, "%v", err)
		} else {
			config.RootCAs = authorities.Pool
			reading.found.add(secret.NewValue(string(authorities.PEM))) // no secret, but connections that are kept have been judged by it
		}
	}
	if from.Certificate.Path != "" {
		if certificate, err := tlsfile.ReadCertificate(from.Certificate.Path, from.Key.Path, reading.settings.logger); err != nil {
			problems.Add(from.Certificate.At, 0, putThere, "%v", err)
		} else {
			config.GetClientCertificate = certificate.Current
		}
	}
	return config, problems
}
