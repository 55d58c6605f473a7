package bff

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// identityProvider is an open provider of the policy. Worlds share it while its settings, and whom it asks, are the same, so that what it
// knows outlives a reload.
type identityProvider struct {
	shared

	plan   *plan.IdentityProvider
	client *client // whom it asks about tokens; nil for nobody
	redis  *redis  // where its API keys are; nil for elsewhere
	// One of these is set.
	jwt           *identity.JWT
	introspection *identity.Introspection
	apiKeys       *identity.APIKeys
	certificates  *identity.Certificates
}

// doesFor reports whether it does for another, which need not be open.
func (p *identityProvider) doesFor(other *identityProvider) bool {
	return p.client == other.client && p.redis == other.redis && p.plan.Same(other.plan)
}

// identityProviders are those of the policy.
func (w *world) identityProviders() []*plan.IdentityProvider {
	if w.plan.Policy == nil {
		return nil
	}
	return w.plan.Policy.Providers
}

// openIdentity finds or opens the policy's providers.
func (w *world) openIdentity(older *world) error {
	for _, from := range w.identityProviders() {
		wanted := &identityProvider{plan: from}
		switch {
		case from.JWT != nil:
			wanted.client = w.client(from.JWT.Upstream)
		case from.Introspection != nil:
			wanted.client = w.client(from.Introspection.Upstream)
		case from.APIKeys != nil && from.APIKeys.File == "":
			wanted.redis = w.redis
		}
		found := older.identityProviderFor(wanted)
		if found == nil {
			if err := w.openIdentityProvider(wanted); err != nil {
				return err
			}
			found = wanted
		}
		found.use()
		w.providers = append(w.providers, found)
	}
	return nil
}

// identityProviderFor is an open provider that does for another; nil for none. The world may be nil.
func (w *world) identityProviderFor(wanted *identityProvider) *identityProvider {
	if w == nil {
		return nil
	}
	at := slices.IndexFunc(w.providers, func(one *identityProvider) bool { return one.doesFor(wanted) })
	if at < 0 {
		return nil
	}
	return w.providers[at]
}

func (w *world) openIdentityProvider(p *identityProvider) error {
	from := p.plan
	p.close = func() {}
	switch {
	case from.JWT != nil:
		p.jwt = identity.NewJWT(w.jwtConfig(from, p.client))
		p.close = p.jwt.Close
	case from.Introspection != nil:
		p.introspection = identity.NewIntrospection(introspectionConfig(from, p.client))
		p.close = p.introspection.Close
	case from.APIKeys != nil:
		keys, err := w.keyStore(from)
		if err != nil {
			return err
		}
		p.apiKeys = identity.NewAPIKeys(from.Name, from.APIKeys.Header, keys)
	default:
		p.certificates = identity.NewCertificates(identity.CertificatesConfig{Name: from.Name, ID: from.MTLS.ID, TrustDomains: from.MTLS.TrustDomains})
	}
	return nil
}

// keyStore is where the API keys of a provider are kept.
func (w *world) keyStore(provider *plan.IdentityProvider) (store.Keys, error) {
	if provider.APIKeys.File == "" {
		return w.redis.Keys(provider.Name), nil
	}
	keys, err := store.FileKeys(provider.APIKeys.File, w.server.settings.logger)
	if err != nil {
		return nil, problemAt(provider.At, "make it readable, and whole, again", err)
	}
	return keys, nil
}

// apiKeys are those of the provider with a name; nil for none.
func (w *world) apiKeys(name string) *identity.APIKeys {
	for _, one := range w.providers {
		if one.plan.Name == name {
			return one.apiKeys
		}
	}
	return nil
}

// header is the one that carries a proof; empty for the certificate of a connection.
func (p *identityProvider) header() string {
	switch {
	case p.apiKeys != nil:
		return p.apiKeys.Header()
	case p.certificates != nil:
		return ""
	default:
		return "Authorization"
	}
}

// chainOf asks the providers with these names; no names are all. Without any in the policy, everybody is anonymous. A request
// carries one proof, which comes before the certificate of its connection; one that does not count is one, too, since upstreams may get it.
func (w *world) chainOf(names []string) *identity.Chain {
	if len(w.providers) == 0 {
		return identity.NewChain()
	}
	var jwts []*identity.JWT
	var introspection *identity.Introspection
	var apiKeys, certificates []identity.Provider
	for _, one := range w.providers {
		switch {
		case len(names) > 0 && !slices.Contains(names, one.plan.Name):
		case one.jwt != nil:
			jwts = append(jwts, one.jwt)
		case one.introspection != nil:
			introspection = one.introspection // the compiler has refused a second one
		case one.apiKeys != nil:
			apiKeys = append(apiKeys, one.apiKeys)
		default:
			certificates = append(certificates, one.certificates)
		}
	}
	providers := []identity.Provider{identity.OneProof(w.carriers()...)}
	if jwts != nil || introspection != nil {
		providers = append(providers, identity.NewBearer(jwts, introspection))
	}
	return identity.NewChain(slices.Concat(providers, apiKeys, certificates)...)
}

// carriers are the headers that carry proofs of all providers, each once.
func (w *world) carriers() []string {
	var headers []string
	for _, one := range w.providers {
		if header := one.header(); header != "" && !slices.Contains(headers, header) {
			headers = append(headers, header)
		}
	}
	return headers
}
