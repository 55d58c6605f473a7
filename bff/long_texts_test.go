package bff_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestLongTexts: what is wrong with a request is told in a few words, however long that is.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	h := lists(t, "")
	long := strings.Repeat("ä", 25_000)
	for name, request := range map[string]struct{ path, body, want string }{
		"value":         {countItems, `{"aNumber": "` + long + `"}`, "invalid value for int32 field aNumber"},
		"unknown field": {countItems, `{"` + long + `": 1}`, "unknown field"},
		"path":          {"/lists.v1.Lists/" + long[:20_000], "{}", "no RPC"},
		"dashes":        {"/" + strings.Repeat("-", 50_000) + "lists.v1.Lists/Coun", "{}", "no RPC"},
	} {
		response := post(t, h, request.path, request.body)
		got := readAll(t, response)
		if response.StatusCode < http.StatusBadRequest || !strings.Contains(got, request.want) || len(got) > 4<<10 || strings.Contains(got, "did you mean") {
			t.Errorf("%s: %d, %d bytes: %.200s", name, response.StatusCode, len(got), got)
		}
	}
}
