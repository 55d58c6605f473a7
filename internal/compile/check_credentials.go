package compile

import (
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// secretHole stands for the secret in a path.
const secretHole = "${secret}"

// checkCredentials refuses credentials that could never be sent or renewed.
func (d *draft) checkCredentials(upstream string, node *source.Node) {
	if node == nil {
		return
	}
	if prefix := node.Get("path", "prefix"); prefix != nil {
		if !strings.HasPrefix(prefix.Text, "/") || strings.Count(prefix.Text, secretHole) != 1 {
			d.report(prefix, "write it as /bot${secret}", "prefix does not begin with a slash, or does not hold ${secret} once")
		}
	}
	if username := node.Get("basic", "username"); username != nil && strings.Contains(username.Text, ":") && !isOpen(username.Text) {
		d.report(username, "RFC 7617 ends it at the first colon", "username holds a colon")
	}
	for _, header := range []*source.Node{node.Get("header", "name"), node.Get("hmac", "header"), node.Get("hmac", "timestamp_header")} {
		d.checkCredentialHeader(header)
	}
	d.checkAccountSecrets(node)
	d.checkNamedSecrets(node)
	d.checkSignature(node.Get("hmac"))
	d.checkOAuth2(upstream, node.Get("oauth2"))
	d.checkRefresh(node)
}

func fieldsOf(node *source.Node) []source.Field {
	if node == nil {
		return nil
	}
	return node.Fields
}

// checkCredentialHeader refuses a header that HTTP decides on, or that is none.
func (d *draft) checkCredentialHeader(node *source.Node) {
	if node == nil || isOpen(node.Text) {
		return
	}
	hint, refused := unsendable[strings.ToLower(node.Text)]
	switch {
	case refused && !strings.EqualFold(node.Text, "authorization"):
		d.report(node, hint, "header %q cannot be set", node.Text)
	case !isToken(node.Text):
		d.report(node, "use letters, digits and dashes", "%q is no header name", node.Text)
	}
}

// checkAccountSecrets refuses secrets that no account has.
func (d *draft) checkAccountSecrets(node *source.Node) {
	for _, named := range accountSecrets(node) {
		switch {
		case d.project.Config.GetAccounts().GetFile() == "":
			d.report(named, "add accounts: with a file to sheaf.yaml", "there are no accounts")
		case d.project.Accounts != nil && !slices.Contains(d.knownSecrets(), named.Text):
			d.report(named, diag.DidYouMean("secrets", named.Text, d.knownSecrets()), "no account has a secret %q", named.Text)
		}
	}
}

// accountSecrets are the names of accounts' secrets below a node.
func accountSecrets(node *source.Node) []*source.Node {
	var found []*source.Node
	for _, field := range node.Fields {
		if field.Key == "account" && field.Value.Kind == source.String {
			found = append(found, field.Value)
		}
		if field.Key != "refresh" && field.Key != "form" {
			found = append(found, accountSecrets(field.Value)...)
		}
	}
	return found
}

// checkNamedSecrets refuses secrets that come from something without a name.
func (d *draft) checkNamedSecrets(node *source.Node) {
	for _, field := range fieldsOf(node) {
		switch field.Key {
		case "refresh", "form":
		case "env", "file", "account":
			if field.Value.Kind == source.String && field.Value.Text == "" {
				d.report(field.Value, "write it as {env: API_TOKEN} or {file: /run/secrets/api_token}", "%s has no name to take a secret from", field.Key)
			}
		default:
			d.checkNamedSecrets(field.Value)
		}
	}
}

func (d *draft) knownSecrets() []string {
	known := map[string]bool{}
	for _, account := range d.project.Accounts.Message.GetAccounts() {
		for name := range account.GetSecrets() {
			known[name] = true
		}
	}
	return sortedKeys(known)
}

// checkRefresh refuses renewals that could not be made, or that would renew nothing.
func (d *draft) checkRefresh(node *source.Node) {
	refresh := node.Get("refresh")
	if refresh == nil {
		return
	}
	for _, field := range fieldsOf(refresh.Get("store")) {
		path, ok := expr.ParsePath(field.Value.Text)
		if !ok || path.Root != answerName || len(path.Steps) < 2 || path.Steps[0].Key != "body" {
			d.report(field.Value, "write it as answer.body.access_token", "%q is no path into an answer's body", field.Value.Text)
		}
	}
	if (refresh.Get("post") == nil) == (refresh.Get("get") == nil) {
		d.report(refresh, "write post: or get: with a path", "refresh needs one path")
	}
	if len(accountSecrets(node)) == 0 {
		d.report(refresh, "remove it, or take the secret from account:", "refresh renews secrets of accounts, and none signs the requests")
	}
}
