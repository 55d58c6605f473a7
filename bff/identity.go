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
// carries one proof, which comes before the certificate of its connection; one that does not count is one, too, since upstreams may get it.
func (w *world) chainOf(names []string) *identity.Chain {
	if len(w.identityProviders()) == 0 {
		return identity.NewChain()
	}
	counts := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	providers := []identity.Provider{identity.OneProof(w.carriers()...)}
	if bearer := w.bearer(counts); bearer != nil {
		providers = append(providers, bearer)
	}
	var certificates []identity.Provider
	for _, one := range w.identifiers {
		switch {
		case !counts(one.name):
		case one.header == "":
			certificates = append(certificates, one.Provider)
		default:
			providers = append(providers, one.Provider)
		}
	}
	return identity.NewChain(append(providers, certificates...)...)
}

// carriers are the headers that carry proofs of all providers, each once.
func (w *world) carriers() []string {
	var headers []string
	if len(w.tokenProviders) > 0 {
		headers = append(headers, "Authorization")
	}
	for _, one := range w.identifiers {
		if one.header != "" && !slices.Contains(headers, one.header) {
			headers = append(headers, one.header)
		}
	}
	return headers
}

// identityProviders are those of the policy.
func (w *world) identityProviders() []*plan.IdentityProvider {
	if w.plan.Policy == nil {
		return nil
	}
	return w.plan.Policy.Providers
}
