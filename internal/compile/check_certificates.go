package compile

import (
	"cmp"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkCertificateProviders refuses what no certificate could fulfil, and a second claim on the one certificate of a client.
func (d *draft) checkCertificateProviders(providers []source.Field) {
	first := ""
	for _, provider := range providers {
		node := provider.Value.Get("mtls")
		if node == nil {
			continue
		}
		if first != "" {
			d.report(node, "write one, with all trust_domains", "certificates are those of %s already", first)
		}
		first = cmp.Or(first, provider.Key)
		d.checkTrustDomains(node)
	}
}

func (d *draft) checkTrustDomains(node *source.Node) {
	domains := node.Get("trust_domains")
	if domains == nil {
		return
	}
	if id := node.Get("id"); id != nil && id.Text != "spiffe" {
		d.report(domains, "remove them, or write id: spiffe", "trust domains are those of SPIFFE IDs")
		return
	}
	for _, domain := range domains.Items {
		if _, err := spiffeid.TrustDomainFromString(domain.Text); strings.Contains(domain.Text, "/") || err != nil && !isOpen(domain.Text) {
			d.report(domain, "write it as prod.example.org", "%q is no trust domain", domain.Text)
		}
	}
}

func freezeMTLS(config *configv1.MtlsProvider) *plan.MTLS {
	return &plan.MTLS{ID: cmp.Or(config.GetId(), "spiffe"), TrustDomains: config.GetTrustDomains()}
}
