package bff

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// identifier is an open provider of identities.
type identifier struct {
	identity.Provider

	name string
	// header is the one that carries its proof; empty for the certificate of a connection.
	header string
}

// openIdentity opens the policy's providers.
func (w *world) openIdentity(older *world) error {
	w.openTokenProviders(older)
	for _, provider := range w.identityProviders() {
		opened := identifier{name: provider.Name}
		switch {
		case provider.APIKeys != nil:
			ring, err := w.openKeyRing(provider, older)
			if err != nil {
				return err
			}
			opened.Provider, opened.header = ring.APIKeys, ring.Header()
		case provider.MTLS != nil:
			opened.Provider = newCertificates(provider)
		default:
			continue
		}
		w.identifiers = append(w.identifiers, opened)
	}
	return nil
}

// chainOf asks the providers with these names; no names are all. Without any in the policy, everybody is anonymous. A request
// carries one proof, which comes before the certificate of its connection.
func (w *world) chainOf(names []string) *identity.Chain {
	if len(w.identityProviders()) == 0 {
		return identity.NewChain()
	}
	counts := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	var carried, certificates []identity.Provider
	var headers []string
	if bearer := w.bearer(counts); bearer != nil {
		carried, headers = append(carried, bearer), append(headers, "Authorization")
	}
	for _, one := range w.identifiers {
		switch {
		case !counts(one.name):
		case one.header == "":
			certificates = append(certificates, one.Provider)
		default:
			carried = append(carried, one.Provider)
			if !slices.Contains(headers, one.header) {
				headers = append(headers, one.header)
			}
		}
	}
	return identity.NewChain(slices.Concat([]identity.Provider{identity.OneProof(headers...)}, carried, certificates)...)
}

// identityProviders are those of the policy.
func (w *world) identityProviders() []*plan.IdentityProvider {
	if w.plan.Policy == nil {
		return nil
	}
	return w.plan.Policy.Providers
}
