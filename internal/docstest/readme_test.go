package docstest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// readme is the README's project, in front of services that answer as its binding says.
func readme(t *testing.T, more ...string) (dir string, option bff.Option) {
	t.Helper()
	found := snippets(t, root+"/README.md")
	var archive strings.Builder
	for _, name := range []string{"proto/shop/v1/shop.proto", "bindings/shop.yaml", "sheaf.yaml"} {
		archive.WriteString("-- " + name + " --\n" + named(t, found, name))
	}
	for _, name := range more { // of sheaf.yaml
		archive.WriteString(named(t, found, name))
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/products/p-1":                  `{"display_name": "Mug", "sku": 7}`,
			"/levels/7":                      `{"level": 3}`,
			"/products/p-1/reviews?limit=10": `{"items": [{"user": {"name": "Ada"}, "stars": 5}]}`,
		}
		_, _ = io.WriteString(w, answers[r.URL.RequestURI()])
	}))
	t.Cleanup(upstream.Close)
	return plantest.Write(t, archive.String()), bff.WithLookupEnv(func(string) (string, bool) { return upstream.URL, true })
}

const (
	withoutStock = `{"title":"Mug","reviews":[{"author":"Ada","rating":5}]}`
	withStock    = `{"title":"Mug","inStock":"3","reviews":[{"author":"Ada","rating":5}]}`
)

// TestREADME compiles the README's project and runs it.
func TestREADME(t *testing.T) {
	t.Parallel()
	dir, option := readme(t)
	server, err := bff.Open(dir, option)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	report, err := server.Call(t.Context(), "GetProduct", []byte(`{"productId": "p-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(report.Response) != withStock {
		t.Errorf("response = %s, want %s", report.Response, withStock)
	}
}

// TestREADMEPolicy calls with a key and without one.
func TestREADMEPolicy(t *testing.T) {
	t.Parallel()
	dir, option := readme(t, "sheaf.yaml, who may call")
	keys, err := bff.OpenKeys(dir, "", option)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	_, key, err := keys.Create(t.Context(), bff.KeyCaller{ID: "partner-7"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := bff.Open(dir, option)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	listener := httptest.NewServer(server.Handler())
	defer listener.Close()
	for sent, want := range map[string]string{"": withoutStock, key: withStock, "sheaf_made_up": `"unauthenticated"`} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, listener.URL+"/shop.v1.ShopService/GetProduct", strings.NewReader(`{"productId": "p-1"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if sent != "" {
			request.Header.Set("X-Api-Key", sent)
		}
		response, err := listener.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || response.Body.Close() != nil || !strings.Contains(string(got), want) {
			t.Errorf("with key %q: %s, %v; want %s", sent, got, err, want)
		}
	}
}
