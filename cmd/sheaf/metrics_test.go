package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
)

// TestServeMetrics: a project with an admin API answers scrapes on its listener.
func TestServeMetrics(t *testing.T) {
	t.Parallel()
	upstreams, err := pretend.NewShop().Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstreams.Close() })
	dir := keyProject(t, "admin: {listen: 127.0.0.1:0, operators: {alice: {env: ALICE}}}\n")
	lookup := func(name string) (string, bool) {
		if name == "ALICE" {
			return "alices-token", true
		}
		return upstreams.LookupEnv(name)
	}
	s := serveProject(t, dir, process{lookupEnv: lookup})
	admin := s.awaitURL(t, "serving the admin API")
	s.url = s.awaitURL(t, "serving")
	if s.title(t) == "" {
		t.Error("there is no answer")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer alices-token")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), `rpc_method="shop.v1.StorefrontService/GetProduct"`) {
		t.Errorf("status %d, %v:\n%s", response.StatusCode, err, body)
	}
}
