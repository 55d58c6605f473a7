package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// openIdentity makes what finds out who calls. A proof that a request names comes before the certificate of its connection.
func (w *world) openIdentity(older *world) error {
	var named, certificates []identity.Provider
	var headers []string
	for _, provider := range w.identityProviders() {
		switch {
		case provider.APIKeys != nil:
			ring, err := w.openKeyRing(provider, older)
			if err != nil {
				return err
			}
			named, headers = append(named, ring.APIKeys), append(headers, ring.Header())
		case provider.MTLS != nil:
			certificates = append(certificates, newCertificates(provider))
		}
	}
	w.chain = identity.NewChain(chained(headers, named, certificates)...)
	return nil
}

// chained are providers in the order in which they are asked. Without any there is nothing to be asked.
func chained(headers []string, named, certificates []identity.Provider) []identity.Provider {
	if len(named)+len(certificates) == 0 {
		return nil
	}
	ordered := append([]identity.Provider{identity.OneProof(headers...)}, named...)
	return append(ordered, certificates...)
}

// identityProviders are those of the policy.
func (w *world) identityProviders() []*plan.IdentityProvider {
	if w.plan.Policy == nil {
		return nil
	}
	return w.plan.Policy.Providers
}
