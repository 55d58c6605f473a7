package bff

import (
	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// keyRing is a provider of API keys. Worlds share it while its settings and its Redis are the same, so that what it knows goes on.
type keyRing struct {
	*identity.APIKeys

	plan  *plan.APIKeys
	redis *redis // nil for in a file
}

// openKeyRing opens the keys of a provider.
func (w *world) openKeyRing(provider *plan.IdentityProvider, older *world) (*keyRing, error) {
	opened := &keyRing{plan: provider.APIKeys}
	if opened.plan.File == "" {
		opened.redis = w.redis
	}
	if older != nil && older.keys[provider.Name].does(opened) {
		w.keys[provider.Name] = older.keys[provider.Name]
		return older.keys[provider.Name], nil
	}
	keys, err := w.keyStore(provider)
	if err != nil {
		return nil, err
	}
	opened.APIKeys = identity.NewAPIKeys(provider.Name, provider.APIKeys.Header, keys)
	w.keys[provider.Name] = opened
	return opened, nil
}

// does reports whether a ring, which may be nil, does for another.
func (k *keyRing) does(other *keyRing) bool {
	return k != nil && *k.plan == *other.plan && k.redis == other.redis
}

// keyStore is where the keys of a provider are kept.
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

// newCertificates takes identities from clients' certificates.
func newCertificates(provider *plan.IdentityProvider) *identity.Certificates {
	return identity.NewCertificates(identity.CertificatesConfig{Name: provider.Name, ID: provider.MTLS.ID, TrustDomains: provider.MTLS.TrustDomains})
}
