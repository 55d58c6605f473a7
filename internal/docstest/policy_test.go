package docstest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestPolicyRules runs the page's tests of a policy against the page's policy, for the storefront.
func TestPolicyRules(t *testing.T) {
	t.Parallel()
	dir, found := plantest.Patient(t, storefront.Files()), snippets(t, root+"/docs/configuration.md")
	config, err := os.ReadFile(filepath.Join(dir, "sheaf.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sheaf.yaml":       string(config) + named(t, found, "sheaf.yaml, for who may call what"),
		"policy_test.yaml": named(t, found, "policy_test.yaml"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report, err := bff.TestPolicy(t.Context(), dir, "policy_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if report.Tests != 3 || report.Failed != nil {
		t.Errorf("%d tests: %v", report.Tests, report.Failed)
	}
}
