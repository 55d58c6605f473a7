package upstreams

import (
	"fmt"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

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
