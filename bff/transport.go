package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
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

// readTLS reads the files that tls of an upstream names; nil for none. One that cannot be used is a problem with its place.
func readTLS(tls *plan.TLS, reading *secretReader) (*upstreams.TLSConfig, diag.Problems) {
	if tls == nil {
		return nil, nil
	}
	var problems diag.Problems
	var err error
	config := &upstreams.TLSConfig{Pins: tls.Pins, ServerName: tls.ServerName}
	if tls.CA.Path != "" {
		if config.Authorities, err = upstreams.ReadAuthorities(tls.CA.Path); err != nil {
			problems.Add(tls.CA.At, 0, putThere, "%v", err)
		}
	}
	if tls.Certificate.Path != "" {
		if config.Certificate, err = upstreams.ReadCertificate(tls.Certificate.Path, tls.Key.Path, reading.settings.logger); err != nil {
			problems.Add(tls.Certificate.At, 0, putThere, "%v", err)
		}
	}
	return config, problems
}
