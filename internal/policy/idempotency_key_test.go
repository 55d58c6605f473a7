package policy

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzIdempotencyKey: what counts as a key is of visible characters, and is the same key as a String of structured fields.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"", "a", `"a"`, `"a\"b"`, `"a\`, "a,b", " a ", `"a";p=1`, "\x00", "ä", strings.Repeat("x", 256)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, ok := parseIdempotencyKey(http.Header{IdempotencyKeyHeader: {value}})
		if !ok {
			return
		}
		if key == "" || len(key) > maxIdempotencyKey || strings.Trim(key, " \t") != key {
			t.Fatalf("%q is the key %q", value, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, ok := parseIdempotencyKey(http.Header{IdempotencyKeyHeader: {quoted}}); !ok || again != key {
			t.Fatalf("%q is the key %q, and %s is %q", value, key, quoted, again)
		}
		if _, ok := parseIdempotencyKey(http.Header{IdempotencyKeyHeader: {value, value}}); ok {
			t.Fatalf("%q twice is a key", value)
		}
	})
}
