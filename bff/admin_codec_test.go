package bff_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestAdminJSON: what an operator misspells in JSON is an error, and makes no key.
func TestAdminJSON(t *testing.T) {
	t.Parallel()
	h, _ := governed(t)
	url := adminURL(t, h)
	for body, want := range map[string]string{
		`{"caller": "partner-8", "expires": "2126-01-31T00:00:00Z"}`: `unknown field \"expires\"`,
		`{"id": "partner-8"}`: `unknown field \"id\"`,
		``:                    "an empty request is {}",
		`{}`:                  "the id of its caller has to have 1 to",
		`{"caller": "partner-8", "expire_time": "2126-01-31T00:00:00Z"}`: `"secret":"sheaf_`,
	} {
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, url+"/sheaf.admin.v1.AdminService/CreateKey", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+aliceToken)
		response, err := h.http1.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(readAll(t, response), " ", ""); !strings.Contains(got, strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s: %s", body, got)
		}
	}
}
