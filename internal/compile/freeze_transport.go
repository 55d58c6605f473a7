package compile

import (
	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

func freezeBalance(config *configv1.Balance) *plan.Balance {
	if config == nil {
		return nil
	}
	frozen := &plan.Balance{
		Addresses: config.GetAddresses(), LeastLoaded: config.GetBy() == "least_loaded",
		Ejection: plan.Ejection{
			Failures: int(config.GetEjection().GetFailures()), For: duration(config.GetEjection().GetFor()), MaxShare: config.GetEjection().GetMaxShare(),
		},
	}
	if check := config.GetHealthCheck(); check != nil {
		frozen.HealthCheck = &plan.HealthCheck{
			Get: check.GetGet(), Every: duration(check.GetEvery()), Timeout: duration(check.GetTimeout()), Threshold: int(check.GetThreshold()),
		}
	}
	return frozen
}

// freezeTLS freezes tls of an upstream, which stands at a node.
func freezeTLS(config *configv1.Tls, node *source.Node) *plan.TLS {
	if config == nil {
		return nil
	}
	return &plan.TLS{
		CA: freezeFile(config.GetCa(), node.Get("ca")), Certificate: freezeFile(config.GetCertificate(), node.Get("certificate")),
		Key: freezeFile(config.GetKey(), node.Get("key")), Pins: config.GetPins(), ServerName: config.GetServerName(),
	}
}

// freezeServerTLS freezes tls of a listener, which stands at a node.
func freezeServerTLS(config *configv1.ServerTls, node *source.Node) *plan.ServerTLS {
	if config == nil {
		return nil
	}
	return &plan.ServerTLS{
		Certificate: freezeFile(config.GetCertificate(), node.Get("certificate")), Key: freezeFile(config.GetKey(), node.Get("key")),
		ClientCA: freezeFile(config.GetClientCa(), node.Get("client_ca")), RequireClientCertificate: config.GetRequireClientCertificate(),
	}
}

func freezeFile(path string, at *source.Node) plan.File {
	if path == "" {
		return plan.File{}
	}
	return plan.File{Path: path, At: at.Position}
}
