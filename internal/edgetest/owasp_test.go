package edgetest_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/owasp.md")

const owaspPage = "../../docs/owasp.md"

// item is one of the OWASP API Security Top 10 2023.
type item struct {
	name string
	// protection is what protects, in words of sheaf.yaml and of the docs.
	protection string
	proofs     []proof
}

// proof attacks a server of its own. The name says what holds.
type proof struct {
	name string
	run  func(*testing.T, *edge)
}

// TestOWASP attacks a server in the ways of each item, and compares the table to the page.
func TestOWASP(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, item := range items() {
		var names []string
		for _, proof := range item.proofs {
			names = append(names, proof.name)
			t.Run(item.name[:5]+" "+proof.name, func(t *testing.T) {
				t.Parallel()
				proof.run(t, open(t))
			})
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", item.name, item.protection, strings.Join(names, "; "))
	}
	comparePage(t, table.String())
}

// comparePage compares the lines below the head of the page's table.
func comparePage(t *testing.T, table string) {
	t.Helper()
	raw, err := os.ReadFile(owaspPage)
	if err != nil {
		t.Fatal(err)
	}
	const head = "|---|---|---|\n"
	before, after, found := strings.Cut(string(raw), head)
	if !found {
		t.Fatalf("%s has no table", owaspPage)
	}
	if *update {
		if err := os.WriteFile(owaspPage, []byte(before+head+table), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(after, table); diff != "" {
		t.Errorf("%s differs (-page +tests); run make golden:\n%s", owaspPage, diff)
	}
}

// items are all ten.
func items() []item {
	return []item{
		{
			"API1:2023 Broken Object Level Authorization",
			"`policy.rules` see the request and the caller; page tokens, idempotency keys and cached answers are the caller's own",
			[]proof{
				{"another's object is denied before any upstream is asked", anothersObject},
				{"another's page token is refused", anothersPage},
				{"another's idempotency key gives nothing of its answer", anothersKey},
			},
		},
		{
			"API2:2023 Broken Authentication",
			"`policy.identity`: nothing of a message is read before its caller is known; keys come from declared upstreams; see security.md",
			[]proof{
				{"no proof, and proofs that do not hold, are refused without a question to any upstream", badProofs},
				{"guesses cost the issuer nothing", guesses},
				{"a proof that does not hold is refused even where none is needed", badProofOfAnyone},
			},
		},
		{
			"API3:2023 Broken Object Property Level Authorization",
			"the contract is all that leaves; `policy.fields` hides fields from some callers; requests hold only what the contract has",
			[]proof{
				{"what the contract does not name stays behind", unnamedFields},
				{"a hidden field is left out, and given to who may see it", hiddenField},
				{"a field that the contract does not have is refused", massAssignment},
			},
		},
		{
			"API4:2023 Unrestricted Resource Consumption",
			"`policy.limits`, `server.max_*`, timeouts, and a worst case of upstream calls that the compiler works out",
			[]proof{
				{"requests that are too large, too deep or too many-membered are refused", largeRequests},
				{"a caller beyond its rate is refused, and told when to come again", beyondRate},
				{"a page is never larger than the binding allows", hugePage},
			},
		},
		{
			"API5:2023 Broken Function Level Authorization",
			"`policy.rules` deny what no rule allows; `internal.rpcs` are on no public listener",
			[]proof{
				{"an operator's RPC is denied to others", operatorsRPC},
				{"an RPC that only the internal listener has does not exist for the public", internalRPC},
				{"another HTTP method reaches nothing", otherMethods},
			},
		},
		{
			"API6:2023 Unrestricted Access to Sensitive Business Flows",
			"quotas of the calendar by any key; RPCs with side effects happen once for each `Idempotency-Key`",
			[]proof{
				{"a quota ends a flow that would go on", quota},
				{"a repeated write happens once", repeatedWrite},
				{"a write without a key is refused where one is required", writeWithoutKey},
			},
		},
		{
			"API7:2023 Server Side Request Forgery",
			"targets are declared upstreams; values fill segments and parameters alone; the dialler refuses addresses that are not public",
			[]proof{
				{"no value of a request leaves its segment", segments},
				{"an upstream that is public by declaration is not reached at a private address", privateAddress},
			},
		},
		{
			"API8:2023 Security Misconfiguration",
			"deny by default; mistakes are found before the start; answers carry security headers; errors name nothing behind the boundary",
			[]proof{
				{"answers carry security headers", securityHeaders},
				{"a page of an origin that is not listed is let in nowhere", otherOrigins},
				{"errors name nothing behind the boundary", safeErrors},
				{"a dangerous setting is refused at the start", dangerousSettings},
			},
		},
		{
			"API9:2023 Improper Inventory Management",
			"what is bound is all that is served; `sheaf plan` and `sheaf egress` list it; reflection can be off",
			[]proof{
				{"an RPC that is not bound is not served, and none that is internal is suggested", unknownRPCs},
				{"reflection tells nothing where it is off", noReflection},
			},
		},
		{
			"API10:2023 Unsafe Consumption of APIs",
			"answers are bounded, and fit the contract or are drift; redirects are not followed; nothing of an answer's headers leaves undeclared",
			[]proof{
				{"an answer of another shape is drift, and never passed on", changedAnswers},
				{"an answer that is too large ends the call", hugeAnswer},
				{"a redirect is not followed", redirect},
			},
		},
	}
}
