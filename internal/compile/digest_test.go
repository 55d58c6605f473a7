package compile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

const digested = `-- proto/a/v1/a.proto --
syntax = "proto3";
package a.v1;
service A {
  rpc Get(GetRequest) returns (GetResponse);
}
message GetRequest {
  string id = 1;
}
message GetResponse {
  string name = 1;
}
-- bindings/a.yaml --
service: a.v1.A
rpcs:
  Get:
    calls:
      one: {get: "a:/things/${request.id}", query: {key: "${env.KEY}"}}
    response: {name: one.name}
`

// TestDigest: the digest is of what is said, in the files and by the environment, and not of how.
func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(file, from, to, key string) string {
		dir := plantest.Write(t, digested)
		if file != "" {
			name := filepath.Join(dir, file)
			content, err := os.ReadFile(name)
			if err != nil || !strings.Contains(string(content), from) {
				t.Fatalf("%s does not hold %q: %v", file, from, err)
			}
			if err := os.WriteFile(name, []byte(strings.Replace(string(content), from, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		compiled, err := compile.Dir(dir, source.Options{LookupEnv: func(string) (string, bool) { return key, true }})
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Digest
	}
	before := digest("", "", "", "k")
	for name, test := range map[string]struct {
		file, from, to, key string
		same                bool
	}{
		"nothing":                {key: "k", same: true},
		"a comment":              {"bindings/a.yaml", "rpcs:", "# more\nrpcs:", "k", true},
		"another form":           {"bindings/a.yaml", "{name: one.name}", "\n      name: one.name", "k", true},
		"a comment in the proto": {"proto/a/v1/a.proto", "message GetRequest", "// Asks.\nmessage GetRequest", "k", true},
		"another expression":     {"bindings/a.yaml", "{name: one.name}", "{name: one.title}", "k", false},
		"another number":         {"proto/a/v1/a.proto", "string id = 1", "string id = 2", "k", false},
		"another address":        {"sheaf.yaml", "http://a.internal", "http://b.internal", "k", false},
		"another environment":    {key: "other", same: false},
	} {
		if after := digest(test.file, test.from, test.to, test.key); (after == before) != test.same {
			t.Errorf("%s: digest %s became %s", name, before, after)
		}
	}
}
