package compile

import (
	"cmp"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// identity compiles the providers, which are sorted by name.
func (p *policyParser) identity(node *source.Node) []*plan.IdentityProvider {
	if node == nil {
		return nil
	}
	p.checkIdentity(node)
	p.checkKeyProviders(fieldsOf(node))
	p.checkCertificateProviders(fieldsOf(node))
	var providers []*plan.IdentityProvider
	config := p.project.Config.GetPolicy().GetIdentity()
	for _, name := range sortedKeys(config) {
		provider := &plan.IdentityProvider{Name: name, At: node.Get(name).Position}
		switch kind := config[name].GetKind().(type) {
		case *configv1.IdentityProvider_Jwt:
			provider.JWT = p.jwt(node.Get(name, "jwt"), kind.Jwt)
		case *configv1.IdentityProvider_Introspection:
			provider.Introspection = p.introspection(node.Get(name, "introspection"), kind.Introspection)
		case *configv1.IdentityProvider_ApiKey:
			provider.APIKeys = &plan.APIKeys{Header: cmp.Or(kind.ApiKey.GetHeader(), defaultKeyHeader), File: kind.ApiKey.GetFile()}
		case *configv1.IdentityProvider_Mtls:
			provider.MTLS = freezeMTLS(kind.Mtls)
		}
		providers = append(providers, provider)
	}
	return providers
}

func (p *policyParser) jwt(node *source.Node, config *configv1.JwtProvider) *plan.JWT {
	p.checkJWT(node)
	frozen := &plan.JWT{
		Issuer: config.GetIssuer(), Audiences: config.GetAudiences(), Algorithms: config.GetAlgorithms(), Types: config.GetTypes(),
		ClockSkew: -1, Refresh: duration(config.GetRefresh()), ID: config.GetId(), Scopes: config.GetScopes(),
	}
	if config.GetClockSkew() != nil {
		frozen.ClockSkew = duration(config.GetClockSkew())
	}
	at, example := node.Get("jwks"), "/.well-known/jwks.json"
	if discovery := node.Get("discovery"); discovery != nil {
		at, example, frozen.Discovery = discovery, "/.well-known/openid-configuration", true
	}
	frozen.Upstream, frozen.Path = p.identityTarget(at, example)
	if frozen.Upstream != "" {
		p.checkUncached(at, frozen.Upstream)
	}
	return frozen
}

func (p *policyParser) introspection(node *source.Node, config *configv1.IntrospectionProvider) *plan.Introspection {
	frozen := &plan.Introspection{
		Audiences: config.GetAudiences(), Keep: duration(config.GetKeep()), ID: config.GetId(), Scopes: config.GetScopes(),
	}
	frozen.Upstream, frozen.Path = p.identityTarget(node.Get("endpoint"), "/oauth2/introspect")
	return frozen
}
