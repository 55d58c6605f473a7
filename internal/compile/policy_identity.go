package compile

import (
	"cmp"
	"slices"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// providers are the ways to prove who calls, sorted by name.
func (p *policyParser) providers(node *source.Node) []*plan.IdentityProvider {
	var frozen []*plan.IdentityProvider
	config := p.project.Config.GetPolicy().GetIdentity()
	byName := func(a, b source.Field) int { return cmp.Compare(a.Key, b.Key) }
	for _, field := range slices.SortedFunc(slices.Values(fieldsOf(node)), byName) {
		if field.Key == "anonymous" {
			p.reportKey(field, "choose another name", "a provider cannot be named %q: callers without proof are", field.Key)
		}
		frozen = append(frozen, p.provider(field, config[field.Key]))
	}
	p.checkKeyProviders(fieldsOf(node))
	p.checkCertificateProviders(fieldsOf(node))
	return frozen
}

func (p *policyParser) provider(field source.Field, config *configv1.IdentityProvider) *plan.IdentityProvider {
	frozen := &plan.IdentityProvider{Name: field.Key, At: field.Value.Position}
	switch {
	case config.GetApiKey() != nil:
		frozen.APIKeys = &plan.APIKeys{Header: config.GetApiKey().GetHeader(), File: config.GetApiKey().GetFile()}
	case config.GetMtls() != nil:
		frozen.MTLS = freezeMTLS(config.GetMtls())
	}
	return frozen
}
