package compile

import (
	"net/url"
	"slices"
	"strings"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkOAuth2 refuses tokens that no upstream could issue.
func (d *draft) checkOAuth2(upstream string, node *source.Node) {
	token := node.Get("token")
	if token == nil || isOpen(token.Text) {
		return
	}
	for _, secret := range accountSecrets(node) {
		d.report(secret, "take it from env: or file:", "a token is for all calls, so its client's secret cannot be an account's")
	}
	for _, field := range fieldsOf(node.Get("form")) {
		if slices.Contains(ownFields, field.Key) {
			d.reportKey(field, "remove it; "+strings.Join(ownFields, ", ")+" are set", "field %q cannot be set", field.Key)
		}
	}
	if strings.Contains(token.Text, "://") {
		d.report(token, "declare the authorization server as an upstream, such as auth, and write auth:/oauth2/token", "token is a URL, and not an upstream with a path")
		return
	}
	issuer := d.resolveUpstream(token)
	if issuer == "" {
		return
	}
	path, err := url.Parse(strings.TrimPrefix(token.Text, issuer+":"))
	switch {
	case err != nil || !strings.HasPrefix(path.Path, "/") || path.Host != "" || path.RawQuery != "" || path.Fragment != "":
		d.report(token, "write it as "+issuer+":/oauth2/token", "token has no path that tokens could be asked for at")
	case issuer == upstream:
		d.report(token, "declare the authorization server as an upstream of its own", "%s cannot issue the tokens for itself", upstream)
	case d.isCycle(upstream):
		d.report(token, "one of them has to use other credentials", "tokens for %s come from %s, which in the end needs one for %s itself", upstream, issuer, upstream)
	default:
		d.checkIssuer(node, issuer)
	}
}

// ownFields are fields of the request for a token that Sheaf sets.
var ownFields = []string{"grant_type", "client_id", "client_secret", "scope", "subject_token"}

// tokenOf is the upstream that issues tokens for another; empty if none does.
func tokenOf(config *configv1.Upstream) string {
	name, _, _ := strings.Cut(config.GetCredentials().GetOauth2().GetToken(), ":")
	return name
}

// isCycle reports whether a token for an upstream needs, in the end, one for it.
func (d *draft) isCycle(upstream string) bool {
	seen := map[string]bool{}
	for at := tokenOf(d.project.Config.GetUpstreams()[upstream]); at != "" && !seen[at]; at = tokenOf(d.project.Config.GetUpstreams()[at]) {
		if at == upstream {
			return true
		}
		seen[at] = true
	}
	return false
}

// checkIssuer refuses an authorization server that needs what a request for a token does not have.
func (d *draft) checkIssuer(node *source.Node, issuer string) {
	token, auth := node.Get("token"), node.Get("client_auth")
	inHeader := auth == nil || auth.Text != "form"
	config := d.project.Config.GetUpstreams()[issuer]
	credentials := d.project.ConfigFile.Root.Get("upstreams", issuer, "credentials")
	isAccounts := strings.Contains(config.GetBaseUrl(), "${account.") || credentials != nil && len(accountSecrets(credentials)) > 0
	if isAccounts || credentials.Get("caller") != nil {
		d.report(token, "declare it a second time, without them", "%s needs an account or a caller, and a request for a token has none", issuer)
		return
	}
	for name, header := range map[string]*source.Node{"header": credentials.Get("header", "name"), "hmac": credentials.Get("hmac", "header")} {
		if inHeader && header != nil && strings.EqualFold(header.Text, "Authorization") {
			d.report(token, "write client_auth: form", "requests to %s carry %s as Authorization, so the client's id and secret cannot go there, too", issuer, name)
		}
	}
	for _, name := range []string{"bearer", "basic", "oauth2", "aws"} {
		if inHeader && credentials.Get(name) != nil {
			d.report(token, "write client_auth: form", "requests to %s carry %s, so the client's id and secret cannot go as Authorization, too", issuer, name)
		}
	}
}
