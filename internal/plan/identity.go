package plan

import (
	"fmt"
	"io"
	"strings"
)

// identityRequest is one that finding out who calls makes.
type identityRequest struct{ upstream, method, path, caller string }

// identityRequests are those of all providers, in their order.
func (p *Plan) identityRequests() []identityRequest {
	if p.Policy == nil {
		return nil
	}
	var all []identityRequest
	for _, provider := range p.Policy.Providers {
		all = append(all, provider.requests()...)
	}
	return all
}

func (i *IdentityProvider) requests() []identityRequest {
	switch {
	case i.Introspection != nil:
		return []identityRequest{{i.Introspection.Upstream, "POST", i.Introspection.Path, "tokens of callers, for identity " + i.Name}}
	case i.JWT != nil && i.JWT.Discovery:
		return []identityRequest{
			{i.JWT.Upstream, "GET", i.JWT.Path, "metadata for identity " + i.Name},
			{i.JWT.Upstream, "GET", "/{jwks_uri of the metadata}", "keys for identity " + i.Name},
		}
	case i.JWT != nil:
		return []identityRequest{{i.JWT.Upstream, "GET", i.JWT.Path, "keys for identity " + i.Name}}
	default:
		return nil
	}
}

// WriteIdentity prints, for people, what is asked to find out who calls; nothing if nobody is.
func (p *Plan) WriteIdentity(w io.Writer) error {
	var lines, text strings.Builder
	for _, one := range p.identityRequests() {
		fmt.Fprintf(&lines, "  %s %s:%s\t%s\t\n", one.method, one.upstream, one.path, one.caller)
	}
	writeTable(&text, "identity, not for each call:\n", lines.String())
	if text.Len() > 0 {
		text.WriteByte('\n')
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}
