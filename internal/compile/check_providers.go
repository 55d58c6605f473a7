package compile

import (
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// anonymousName is caller.provider of callers that prove nothing.
const anonymousName = "anonymous"

// checkProviders refuses a comparison of caller.provider with a name that no provider has: a condition that denies would never hold.
func (p *policyParser) checkProviders(at *source.Node, program *expr.Program) bool {
	known := append(sortedKeys(p.project.Config.GetPolicy().GetIdentity()), anonymousName)
	for _, compared := range program.Compared {
		if compared.Selection != "caller.provider" || slices.Contains(known, compared.Text) {
			continue
		}
		p.problems.Add(at.At(compared.Offset), compared.Width, diag.DidYouMean("providers", compared.Text, known), "no identity provider is %q", compared.Text)
		return false
	}
	return true
}
