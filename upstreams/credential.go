package upstreams

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Credential is what each request is signed with; the zero Credential signs nothing.
type Credential struct {
	// Header is the name of the header that carries the secret, Query that of the query parameter, and Path the path before
	// that of each call, with ${secret} in it. None of them means Authorization: Bearer.
	Header, Query, Path string
	// Secret is the secret, unless Account names one of the account that a call is made for.
	Secret  secret.Value
	Account string
}

// secretHole stands for the secret in Credential.Path.
const secretHole = "${secret}"

// errNoAccount says that a call needs an account and names none.
var errNoAccount = errors.New("call is made for no account")

// sign adds the credential to a request, and returns the generation of the account's secrets.
func (c *Client) sign(outgoing *http.Request, account string) (generation uint64, _ error) {
	value := c.credential.Secret
	if c.credential.Account != "" {
		var ok bool
		if value, generation, ok = c.accounts.Secret(account, c.credential.Account); !ok {
			return 0, fmt.Errorf("sign: account %q has no secret %q: %w", account, c.credential.Account, errNoAccount)
		}
	}
	c.credential.add(outgoing, value.Reveal())
	return generation, nil
}

func (c *Credential) add(outgoing *http.Request, value string) {
	switch {
	case value == "":
	case c.Header != "":
		outgoing.Header.Set(c.Header, value)
	case c.Query != "":
		if outgoing.URL.RawQuery != "" {
			outgoing.URL.RawQuery += "&"
		}
		outgoing.URL.RawQuery += url.QueryEscape(c.Query) + "=" + url.QueryEscape(value)
	case c.Path != "":
		// The prefix stands in URL.Path by now, with its hole.
		outgoing.URL.RawPath = strings.Replace(outgoing.URL.EscapedPath(), url.PathEscape(secretHole), url.PathEscape(value), 1)
		outgoing.URL.Path = strings.Replace(outgoing.URL.Path, secretHole, value, 1)
	default:
		outgoing.Header.Set("Authorization", "Bearer "+value)
	}
}

// fillText replaces ${account.NAME} and ${secret.NAME} in a text by what the account has.
func fillText(text, account string, accounts *store.Accounts) (string, error) {
	var filled strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		filled.WriteString(before)
		if !found {
			return filled.String(), nil
		}
		hole, after, _ := strings.Cut(rest, "}")
		kind, name, _ := strings.Cut(hole, ".")
		value, ok := "", false
		switch {
		case accounts == nil:
		case kind == "account":
			value, ok = accounts.Attribute(account, name)
		case kind == "secret":
			var found secret.Value
			found, _, ok = accounts.Secret(account, name)
			value = found.Reveal()
		}
		if !ok {
			return "", fmt.Errorf("fill ${%s}: account %q has none: %w", hole, account, errNoAccount)
		}
		filled.WriteString(value)
		text = after
	}
}
