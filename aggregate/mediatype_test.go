package aggregate

import (
	"net/http"
	"strings"
	"testing"
)

// TestMediaType: the type of an answer is for logs, and the upstream may say anything there, a secret of the request, too.
func TestMediaType(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                                 "",
		"text/html":                        "text/html",
		"Text/HTML; charset=utf-8":         "text/html",
		"text/html; token=canary":          "text/html",
		"text/html; charset":               "",
		"Bearer canary":                    "",
		"text/" + strings.Repeat("x", 300): "",
	} {
		if got := mediaType(http.Header{"Content-Type": {given}}); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
