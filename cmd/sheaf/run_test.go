package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

var update = flag.Bool("update", false, "rewrite the expected output of golden tests")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	shopDir   = "../../examples/storefront"
	broken    = "testdata/broken"
	policyDir = "testdata/policy"
)

// sheaf runs a command line in process.
func sheaf(t *testing.T, lookup func(string) (string, bool), args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, err bytes.Buffer
	status = run(ctx, args, process{stdin: strings.NewReader(`{"productId": "p-100"}`), stdout: &out, stderr: &err, lookupEnv: lookup})
	return status, out.String(), err.String()
}

func noEnv(string) (string, bool) { return "", false }

// TestGolden runs command lines and compares all that they print.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		status int
	}{
		"check":           {[]string{"check", shopDir}, statusOK},
		"check-json":      {[]string{"check", "--format", "json", shopDir}, statusOK},
		"broken":          {[]string{"check", broken}, statusAuthor},
		"broken-json":     {[]string{"check", broken, "--format=json"}, statusAuthor},
		"broken-github":   {[]string{"check", broken, "--format", "github"}, statusAuthor},
		"broken-serve":    {[]string{"serve", broken}, statusAuthor},
		"plan":            {[]string{"plan", shopDir}, statusOK},
		"egress":          {[]string{"egress", shopDir}, statusOK},
		"egress-json":     {[]string{"egress", shopDir, "--format", "json"}, statusOK},
		"egress-format":   {[]string{"egress", shopDir, "--format", "yaml"}, statusOurs},
		"plan-mermaid":    {[]string{"plan", shopDir, "GetProduct", "--format", "mermaid"}, statusOK},
		"plan-misspelt":   {[]string{"plan", shopDir, "GetProdct"}, statusOurs},
		"format":          {[]string{"check", "--format", "xml", shopDir}, statusOurs},
		"command":         {[]string{"chek", shopDir}, statusOurs},
		"no-directory":    {[]string{"check", "testdata/none"}, statusAuthor},
		"not-directory":   {[]string{"check", "testdata/broken/sheaf.yaml"}, statusAuthor},
		"no-argument":     {[]string{"check"}, statusOurs},
		"unset":           {[]string{"serve", shopDir}, statusAuthor},
		"demo-misspelt":   {[]string{"demo", "--break", "review"}, statusOurs},
		"demo-duration":   {[]string{"demo", "--slow", "stock=soon"}, statusOurs},
		"policy":          {[]string{"policy", "test", policyDir}, statusOK},
		"policy-wrong":    {[]string{"policy", "test", policyDir, "wrong_test.yaml"}, statusAuthor},
		"policy-misspelt": {[]string{"policy", "test", policyDir, "misspelt_test.yaml"}, statusAuthor},
		"policy-none":     {[]string{"policy", "test", policyDir, "none.yaml"}, statusAuthor},
		"policy-help":     {[]string{"policy", "test", "--help"}, statusOK},
		"policy-alone":    {[]string{"policy"}, statusOK},
		"policy-unknown":  {[]string{"policy", "check"}, statusOurs},
		"keys-alone":      {[]string{"keys"}, statusOK},
		"keys-unknown":    {[]string{"keys", "make", "shop"}, statusOurs},
		"help":            {[]string{"--help"}, statusOK},
		"call-help":       {[]string{"call", "--help"}, statusOK},
		"serve-help":      {[]string{"serve", "--help"}, statusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := sheaf(t, noEnv, test.args...)
			if status != test.status {
				t.Errorf("status = %d, want %d", status, test.status)
			}
			checkGolden(t, name, "stdout:\n"+stdout+"stderr:\n"+stderr)
		})
	}
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}

// TestUnsetSecret: a secret that is not there is told like any other mistake, before anything is served.
func TestUnsetSecret(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return "http://127.0.0.1:1", name != "STOCK_TOKEN" }
	status, _, stderr := sheaf(t, lookup, "serve", shopDir)
	checkGolden(t, "unset-secret", stderr)
	if status != statusAuthor {
		t.Errorf("status = %d, want %d", status, statusAuthor)
	}
}

// TestCall runs an RPC against the pretend shop, with a request from the command line and from stdin.
func TestCall(t *testing.T) {
	t.Parallel()
	shop := pretend.NewShop()
	upstreams, err := shop.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer upstreams.Close()
	shop.Break("reviews", 503)
	dir := plantest.Patient(t, storefront.Files())
	for _, request := range []string{`{"productId": "p-100"}`, "-"} {
		status, stdout, stderr := sheaf(t, upstreams.LookupEnv, "call", dir, "GetProduct", request)
		if status != statusOK || !strings.Contains(stdout, `"title": "Enamel mug"`) {
			t.Errorf("status = %d, stdout = %s, stderr = %s", status, stdout, stderr)
		}
		for _, want := range []string{"call", "started", "took", "product", "200", "missing: call reviews, fields [reviews]: UNAVAILABLE", "answered 503"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%q is missing from stderr:\n%s", want, stderr)
			}
		}
	}
	for request, want := range map[string]string{
		`{"productId": ""}`:     "invalid_argument: product_id:",
		`{"productID": "x"}`:    `unknown field "productID"`,
		`{"productId": "x"}`:    "not_found: what the request names does not exist\n  google.rpc.ErrorInfo",
		`{"productId": "a/.."}`: "invalid_argument: product_id: value holds the path segment",
	} {
		if status, _, stderr := sheaf(t, upstreams.LookupEnv, "call", dir, "GetProduct", request); status != statusOurs || !strings.Contains(stderr, want) {
			t.Errorf("%s: status = %d, stderr = %s", request, status, stderr)
		}
	}
}

// TestServe serves until its context ends.
func TestServe(t *testing.T) {
	t.Parallel()
	upstreams, err := pretend.NewShop().Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer upstreams.Close()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", shopDir, "--listen", "127.0.0.1:0"},
			process{stdout: io.Discard, stderr: writer, lookupEnv: upstreams.LookupEnv})
		_ = writer.Close()
	}()
	line := make([]byte, 4096)
	n, err := reader.Read(line)
	if first := string(line[:n]); err != nil || !strings.Contains(first, `"msg":"serving"`) || !strings.Contains(first, `"identity":["anonymous"],"rules":0`) {
		t.Errorf("first line = %s, %v", line[:n], err)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	cancel()
	if status := <-done; status != statusOK {
		t.Errorf("status = %d", status)
	}
}

// TestDemo starts the demo and ends it at once.
func TestDemo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--slow", "stock=1s"},
			process{stdout: writer, stderr: io.Discard, lookupEnv: noEnv})
		_ = writer.Close()
	}()
	welcome := make([]byte, 4096)
	n, err := reader.Read(welcome)
	if err != nil || !strings.Contains(string(welcome[:n]), "The storefront is open at http://127.0.0.1:") {
		t.Errorf("welcome = %s, %v", welcome[:n], err)
	}
	cancel()
	if status := <-done; status != statusOK {
		t.Errorf("status = %d", status)
	}
}
