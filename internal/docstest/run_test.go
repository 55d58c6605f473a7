package docstest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

var update = flag.Bool("update", false, "write what the bindings of the language reference give")

const (
	contractFile = "proto/docs/v1/docs.proto"
	// markets are the internal bindings that calls of RPCs reach.
	markets = `-- bindings/one.yaml --
service: docs.v1.MarketService
name: one
rpcs:
  Offer: {response: {id: request.text}}
-- bindings/two.yaml --
service: docs.v1.MarketService
name: two
rpcs:
  Offer:
    require: [{that: size(request.text) < 5, field: text, message: the text is too long}]
    response: {id: request.text}
`
	accounts = "-- accounts.yaml --\naccounts:\n  corner-shop: {attributes: {shop: corner}}\n"
	// failing is bound where a snippet is about an upstream and not about an RPC.
	failing = "rpcs:\n  GetProduct:\n    calls: {product: {get: \"catalog:/errors/${request.id}\"}}\n    response: {title: product.title}\n"
)

// requests are what is asked of each RPC that a snippet binds.
var requests = map[string][]string{
	"GetProduct":   {`{"id": "7", "limit": 3, "tags": ["a", "b"]}`},
	"PutProduct":   {`{"id": "7", "title": "Mug", "cents": "9007199254740993", "tags": ["a", "b"]}`},
	"ListProducts": {`{"shops": ["north", "south", "south"], "pageSize": 2}`},
	"OfferProduct": {`{"accountId": "corner-shop", "text": "a mug for you", "link": "https://shop.example", "markets": ["fleamarket", "bazaar", "fair"]}`},
}

// ofUpstreams are the requests to see what an upstream's failures become.
var ofUpstreams = []string{`{"id": "expired"}`, `{"id": "invalid"}`, `{"id": "limited"}`, `{"id": "refused"}`, `{"id": "own"}`}

// shop answers as testdata/upstream.txt says, and notes what it is asked.
type shop struct {
	script string

	mu    sync.Mutex
	asked []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := r.Method + " " + r.URL.RequestURI()
	line := []string{request}
	for _, name := range []string{"Accept-Language", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			line = append(line, name+": "+value)
		}
	}
	s.mu.Lock()
	s.asked = append(s.asked, strings.TrimSpace(strings.Join(line, "  ")+"  "+string(body)))
	s.mu.Unlock()
	_, answer, found := strings.Cut("\n"+s.script, "\n"+request+"\n")
	if !found {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	head, rest, _ := strings.Cut(answer, "\n")
	text, _, _ := strings.Cut(rest, "\n\n")
	var status int
	var name, value string
	_, _ = fmt.Sscan(strings.ReplaceAll(head, ":", ""), &status, &name, &value) // the header may be missing
	if name != "" {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// TestBindings compiles every binding of the language reference, and calls its RPC in front of a pretend shop. What it is
// asked, and what the RPC gives, is in testdata/runs.txt.
func TestBindings(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/upstream.txt")
	if err != nil {
		t.Fatal(err)
	}
	page := root + "/docs/bindings.md"
	found := snippets(t, page)
	contract := named(t, found, contractFile)
	var got strings.Builder
	ran := 0
	for _, one := range found {
		if one.language == "yaml" {
			ran++
			fmt.Fprintf(&got, "# %s\n", one.heading)
			runSnippet(t, &got, contract, one, string(script))
		}
	}
	const least = 20
	if ran < least {
		t.Errorf("found %d bindings, want at least %d", ran, least)
	}
	const golden = "testdata/runs.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("differs (-want +got, %v):\n%s", err, diff)
	}
}

func runSnippet(t *testing.T, out *strings.Builder, contract string, one snippet, script string) {
	t.Helper()
	upstream := &shop{script: script}
	listening := httptest.NewServer(upstream)
	defer listening.Close()
	settings, binding := "upstreams:\n  catalog: {network: private, base_url: http://catalog.internal}\n  reviews: {network: private, base_url: http://reviews.internal}\n", one.text
	asks := requests
	if strings.HasPrefix(one.text, "upstreams:") {
		settings, binding, asks = one.text, failing, map[string][]string{"GetProduct": ofUpstreams}
	}
	for _, name := range []string{"http://catalog.internal", "http://reviews.internal"} {
		settings = strings.ReplaceAll(settings, name, listening.URL)
	}
	dir := plantest.Write(t, "-- sheaf.yaml --\ncontract: proto\nbindings: bindings\naccounts: {file: accounts.yaml}\n"+settings+
		"-- "+contractFile+" --\n"+contract+"-- bindings/docs.yaml --\nservice: docs.v1.DocsService\n"+binding+markets+accounts)
	server, err := bff.Open(dir, bff.WithLogger(slog.New(slog.DiscardHandler)))
	if wrong, ok := errors.AsType[*bff.AuthorError](err); ok {
		t.Errorf("docs/bindings.md:%d:\n%s", one.line, text(wrong.Problems, dir))
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, rpc := range []string{"GetProduct", "PutProduct", "ListProducts", "OfferProduct"} {
		if !strings.Contains(binding, "\n  "+rpc+":") {
			continue
		}
		for _, request := range asks[rpc] {
			fmt.Fprintf(out, "> %s %s\n%s", rpc, request, callRPC(t, server, rpc, request))
			slices.Sort(upstream.asked) // independent calls begin in any order
			for _, line := range upstream.asked {
				fmt.Fprintf(out, "  %s\n", line)
			}
			upstream.asked = nil
		}
	}
}

// callRPC is what comes of an RPC, as lines of text.
func callRPC(t *testing.T, server *bff.Server, rpc, request string) string {
	t.Helper()
	report, err := server.Call(t.Context(), rpc, []byte(request))
	if err != nil {
		return describe(err)
	}
	var response map[string]any
	if err := json.Unmarshal(report.Response, &response); err != nil {
		t.Fatal(err)
	}
	if token, ok := response["nextPageToken"].(string); ok && token != "" {
		response["nextPageToken"] = "(sealed)"
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(response); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func describe(err error) string {
	failed, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return err.Error() + "\n"
	}
	lines := []string{failed.Error()}
	for _, detail := range failed.Details() {
		value, _ := detail.Value()
		switch value := value.(type) {
		case *errdetails.ErrorInfo:
			lines = append(lines, value.GetReason())
		case *errdetails.BadRequest:
			for _, violation := range value.GetFieldViolations() {
				lines = append(lines, fmt.Sprintf("%q: %s", violation.GetField(), violation.GetDescription()))
			}
		case *errdetails.RetryInfo:
			lines = append(lines, "with the time to come back") // which depends on now
		}
	}
	return strings.Join(lines, ", ") + "\n"
}
