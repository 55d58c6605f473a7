package compile

import (
	"net/url"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkIdentity refuses providers that cannot be told apart.
func (p *policyParser) checkIdentity(providers *source.Node) {
	issuers, introspection := map[string]string{}, ""
	for _, provider := range providers.Fields {
		if provider.Key == anonymousName {
			p.reportKey(provider, "choose another name", "a provider cannot be named %q: it is what callers without proof have", provider.Key)
		}
		if issuer := provider.Value.Get("jwt", "issuer"); issuer != nil {
			if other := issuers[issuer.Text]; other != "" {
				p.report(issuer, "give one provider all audiences, and tell callers apart by claims in rules", "%s already has this issuer", other)
			}
			issuers[issuer.Text] = provider.Key
		}
		if node := provider.Value.Get("introspection"); node != nil {
			if introspection != "" {
				p.reportKey(provider, "keep one of them", "%s is introspection already, and a token does not say who knows it", introspection)
			}
			introspection = provider.Key
		}
	}
}

// identityTarget is the upstream and the path that a provider asks at; both are empty if it reported a problem.
func (p *policyParser) identityTarget(at *source.Node, example string) (upstream, path string) {
	if strings.Contains(at.Text, "://") {
		p.report(at, "declare the issuer as an upstream, such as idp, and write idp:"+example, "it is a URL, and not an upstream with a path")
		return "", ""
	}
	if upstream = p.resolveUpstream(at); upstream == "" {
		return "", ""
	}
	path = strings.TrimPrefix(at.Text, upstream+":")
	parsed, err := url.Parse(path)
	switch {
	case !isOpen(path) && (err != nil || !strings.HasPrefix(parsed.Path, "/") || parsed.Host != "" || parsed.Fragment != ""):
		p.report(at, "write it as "+upstream+":"+example, "it has no path to ask at")
	case p.needsMore(upstream):
		p.report(at, "declare it a second time, without them", "%s needs an account or a caller, and finding out who calls has none", upstream)
	case p.isOpenToAll(upstream):
		p.report(at, "write https:// for its base_url, or network: private if nobody else is on the way", "whoever is on the way to %s could say who calls", upstream)
	}
	return upstream, path
}

// isOpenToAll reports whether requests to an upstream go in clear text over the network of everybody.
func (p *policyParser) isOpenToAll(upstream string) bool {
	config := p.project.Config.GetUpstreams()[upstream]
	return strings.HasPrefix(config.GetBaseUrl(), "http://") && config.GetNetwork() != "private"
}

// needsMore reports whether requests to an upstream need an account, or the caller's own credentials.
func (p *policyParser) needsMore(upstream string) bool {
	config := p.project.Config.GetUpstreams()[upstream]
	credentials := p.project.ConfigFile.Root.Get("upstreams", upstream, "credentials")
	return strings.Contains(config.GetBaseUrl(), "${account.") || credentials != nil && len(accountSecrets(credentials)) > 0 ||
		credentials.Get("caller") != nil || config.GetCredentials().GetOauth2().GetGrant() == "token_exchange"
}

// checkUncached refuses an upstream whose cache would keep new keys away.
func (p *policyParser) checkUncached(at *source.Node, upstream string) {
	if p.project.Config.GetUpstreams()[upstream].GetCache() != nil {
		p.report(at, "declare it a second time, without cache; keys are kept anyway", "answers of %s are cached, so that new keys would be seen late", upstream)
	}
}

// checkJWT refuses settings that a token without them could fulfil.
func (p *policyParser) checkJWT(node *source.Node) {
	for _, name := range []string{"audiences", "types"} {
		list := node.Get(name)
		if list == nil {
			continue
		}
		for _, item := range list.Items {
			if item.Text == "" {
				p.report(item, "remove it", "%s holds an empty text", name)
			}
		}
	}
}
