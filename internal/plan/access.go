package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Access is how an RPC is called, before any rule is asked, for people.
type Access struct {
	// Internal is set if it is served on the internal listener alone.
	Internal bool
	// Proofs are the names of the providers whose proofs count; without any, everybody is anonymous.
	Proofs []string
	// Anonymous is set if it may be called without proof.
	Anonymous bool
	// Once is set if it happens once for each Idempotency-Key, and Keyed if a request has to have one.
	Once, Keyed bool
}

// AccessTo is how an RPC that clients reach is called; of no policy, by everybody. The internal listener is nil for none.
func (p *Policy) AccessTo(rpc string, internal *Internal) Access {
	access := Access{Internal: internal != nil && internal.RPCs[rpc]}
	if p == nil {
		return access
	}
	for _, provider := range p.Providers {
		if !access.Internal || len(internal.Identity) == 0 || slices.Contains(internal.Identity, provider.Name) {
			access.Proofs = append(access.Proofs, provider.Name)
		}
	}
	access.Anonymous = p.Anonymous[rpc]
	if p.Idempotency != nil && p.Idempotency.RPCs[rpc] {
		access.Once, access.Keyed = true, p.Idempotency.Required
	}
	return access
}

// write prints what is asked of a call, and nothing where that is nothing.
func (a Access) write(text *strings.Builder) {
	if a.Internal {
		text.WriteString("  on the internal listener alone\n")
	}
	if len(a.Proofs) > 0 {
		proof := "with a proof of " + strings.Join(a.Proofs, ", ")
		if a.Anonymous {
			proof += ", or without one"
		}
		fmt.Fprintf(text, "  %s\n", proof)
	}
	switch {
	case a.Keyed:
		text.WriteString("  once for each Idempotency-Key, which is needed\n")
	case a.Once:
		text.WriteString("  once for each Idempotency-Key\n")
	}
}
