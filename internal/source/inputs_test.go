package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

func TestInputs(t *testing.T) {
	t.Parallel()
	const config = `contract: ${env.PROTO}
bindings: bindings
accounts: {file: accounts.yaml, renewed: {file: state/accounts, key: {file: keys/renewed}}}
server: {page_token_key: {file: keys/page}}
policy: {identity: {partners: {api_key: {file: state/keys.json}}}}
upstreams:
  a: {base_url: https://a.internal, tls: {ca: ca/a.pem, certificate: a.pem, key: a.key}, credentials: {bearer: {file: keys/a}}}
`
	const rest = `-- proto/a/v1/a.proto --
-- proto/.hidden/b.proto --
-- proto/README.md --
-- bindings/a.yaml --
-- bindings/a.yaml~ --
-- bindings/.b.yaml --
-- accounts.yaml --
accounts: {alice: {secrets: {token: {file: keys/alice}}}}
`
	for name, test := range map[string]struct {
		config             string
		files, directories string
	}{
		"all": {
			config, "sheaf.yaml accounts.yaml keys/renewed keys/page ca/a.pem keys/a bindings/a.yaml proto/a/v1/a.proto keys/alice",
			". bindings ca keys proto proto/a proto/a/v1",
		},
		"no directories": {"contract: none\nbindings: nowhere\n", "sheaf.yaml", ". nowhere"},
		"wrong":          {"contract: [", "sheaf.yaml", "."},
		"empty":          {"", "sheaf.yaml", "."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := plantest.Write(t, "-- sheaf.yaml --\n"+test.config+rest)
			lookup := func(string) (string, bool) { return "proto", true }
			files, directories := source.Inputs(dir, source.Options{LookupEnv: lookup})
			for i, want := range []string{test.files, test.directories} {
				if diff := cmp.Diff(want, relative(t, dir, [][]string{files, directories}[i])); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func relative(t *testing.T, dir string, paths []string) string {
	t.Helper()
	names := make([]string, len(paths))
	for i, path := range paths {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		names[i] = filepath.ToSlash(name)
	}
	return strings.Join(names, " ")
}
