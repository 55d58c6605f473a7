package identity_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	pathpkg "path"
	"slices"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/internal/identity"
)

// FuzzBearer: no value of Authorization but the one that was signed gives a caller, and no refusal quotes it.
func FuzzBearer(f *testing.F) {
	provider := openJWT(f, &issuer{keys: published()[:1]}, nil)
	good := "Bearer " + newDraft().token()
	f.Add(good)
	for _, rows := range attacks() {
		for _, row := range rows {
			d := newDraft()
			row.bad(d)
			if values := d.proof().Header["Authorization"]; len(values) == 1 {
				f.Add(values[0])
			}
		}
	}
	f.Fuzz(func(t *testing.T, value string) {
		caller, err := provider.Identify(t.Context(), identity.Proof{Header: http.Header{"Authorization": {value}}})
		if wrong, ok := errors.AsType[*identity.Error](err); ok && len(wrong.Reason) > 100 {
			t.Errorf("reason = %q", wrong.Reason)
		}
		if caller != nil && value[len("Bearer "):] != good[len("Bearer "):] {
			t.Errorf("%q gives %v", value, caller)
		}
	})
}

// FuzzReadKeys: whatever an issuer publishes, no key is for an algorithm with a shared secret, or for none.
func FuzzReadKeys(f *testing.F) {
	whole, err := json.Marshal(map[string]any{"keys": published()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, one := range published() {
		text, err := json.Marshal(map[string]any{"keys": []any{one}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _ := identity.ReadKeys(text)
		for _, algorithms := range keys {
			for _, one := range algorithms {
				if !slices.Contains([]string{"RS", "PS", "ES", "Ed"}, one[:2]) {
					t.Errorf("a key is for %s", one)
				}
			}
		}
	})
}

// FuzzPathBelow: whatever metadata says, what is fetched is below the upstream's base URL.
func FuzzPathBelow(f *testing.F) {
	const base = "https://idp.example/realm"
	for _, text := range []string{base + "/keys", base + "/keys?v=1", base + "/../keys", base + "/%2e%2e/keys", base + "x", base + `/\..\keys`, "//evil.example/realm/keys", base + "/#x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := identity.PathBelow(base, text)
		if path == "" {
			return
		}
		reached, err := url.Parse(base + path)
		if err != nil || reached.Host != "idp.example" || !strings.HasPrefix(pathpkg.Clean(reached.Path), "/realm") {
			t.Errorf("%q leads to %q", text, path)
		}
	})
}
