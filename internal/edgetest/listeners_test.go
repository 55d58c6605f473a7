package edgetest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
)

// withKeys adds a provider of keys, and one key with the scope of operators.
func withKeys(t *testing.T, changes ...string) (dir, key string) {
	t.Helper()
	dir = variant(t, append([]string{"    people:\n", "    robots: {api_key: {file: state/keys.json}}\n    people:\n"}, changes...)...)
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	keys, err := bff.OpenKeys(dir, "robots")
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	_, key, err = keys.Create(t.Context(), bff.KeyCaller{ID: "r2", Scopes: []string{"operate"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, key
}

// TestProofsOfInternal: on a listener that counts some providers alone, a proof of another lets nobody in, and none stands beside one that
// counts: what is sent on to upstreams would be somebody else's.
func TestProofsOfInternal(t *testing.T) {
	t.Parallel()
	for counted, letsIn := range map[string]string{"robots": "key", "people": "token", "people, robots": "key token"} {
		t.Run(counted, func(t *testing.T) {
			t.Parallel()
			dir, key := withKeys(t, "rpcs: [notes.v1.OperationsService/*]", "rpcs: [notes.v1.OperationsService/*]\n  identity: ["+counted+"]")
			e := openDir(t, dir)
			inner := httptest.NewServer(e.server.InternalHandler())
			defer inner.Close()
			token := "Bearer " + e.issuer.token("olga", "operate")
			for name, header := range map[string]http.Header{
				"nothing": {}, "key": {"X-Api-Key": {key}}, "token": {"Authorization": {token}}, "both": {"X-Api-Key": {key}, "Authorization": {token}},
				"a key and a bad token": {"X-Api-Key": {key}, "Authorization": {token + "x"}}, "a token and a bad key": {"X-Api-Key": {key + "x"}, "Authorization": {token}},
			} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, inner.URL+"/notes.v1.OperationsService/Drain", strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				request.Header = header
				request.Header.Set("Content-Type", "application/json")
				got, err := e.do(request)
				if err != nil {
					t.Fatal(err)
				}
				if let := got.status == http.StatusOK; let != strings.Contains(letsIn, name) || !let && got.code() != "unauthenticated" {
					t.Errorf("%s: %d %s", name, got.status, got.body)
				}
			}
		})
	}
}
