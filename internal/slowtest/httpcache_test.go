//go:build slow

package slowtest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// suiteVersion is that of the public suite of tests for HTTP caches (https://cache-tests.fyi).
const suiteVersion = "0.4.5"

// knownFailures are the required checks that fail, and why that is right.
var knownFailures = map[string]string{
	"age-parse-prefix":                "the check says that such a response is stale, and expects that it is not; for Sheaf it is stale",
	"headers-store-Transfer-Encoding": "Go's client refuses an answer with a transfer coding that it does not know",
	"conditional-304-etag":            askedByCalls,
	"conditional-etag-precedence":     askedByCalls,
	"partial-use-headers":             "calls ask for whole answers, so a range is not cut from a kept one",
	"stale-close-must-revalidate":     closedByOrigin,
	"stale-close-proxy-revalidate":    closedByOrigin,
	"stale-close-no-cache":            closedByOrigin,
	"stale-close-s-maxage=2":          closedByOrigin,
}

const (
	askedByCalls   = "calls want a body, so the cache answers none with 304; a client's own If-None-Match is answered by bff"
	closedByOrigin = "the upstream closes the connection, and the pass-through's 502 is what the check takes for a kept response; nginx fares alike"
)

// check is one test of the suite.
type check struct {
	ID, Suite, Kind string
	BrowserOnly     bool `json:"browser_only"`
}

// TestHTTPCacheSuite runs the suite against the cache of package upstreams behind a small pass-through, and against nginx.
func TestHTTPCacheSuite(t *testing.T) {
	suite := installSuite(t)
	checks := listChecks(t, suite)
	origin := startOrigin(t, suite)
	ours := runSuite(t, suite, passThrough(t, origin))
	theirs := runSuite(t, suite, startNginx(t, origin))
	counts := map[string]map[string]int{}
	for _, one := range checks {
		if one.BrowserOnly || one.Suite == "surrogate-control" {
			continue // these are about caches that Sheaf is not
		}
		if counts[one.Kind] == nil {
			counts[one.Kind] = map[string]int{}
		}
		counts[one.Kind]["all"]++
		if ours[one.ID] == "" {
			counts[one.Kind]["sheaf"]++
		}
		if theirs[one.ID] == "" {
			counts[one.Kind]["nginx"]++
		}
		if failure := ours[one.ID]; one.Kind == "required" && failure != "" && knownFailures[one.ID] == "" {
			t.Errorf("%s: %s (nginx: %q)", one.ID, failure, theirs[one.ID])
		}
		if knownFailures[one.ID] != "" && ours[one.ID] == "" {
			t.Errorf("%s passes; it is no known failure any more", one.ID)
		}
		if ours[one.ID] != "" && one.Kind == "optimal" {
			t.Logf("%s %s: %s (nginx: %q)", one.Kind, one.ID, ours[one.ID], theirs[one.ID])
		}
	}
	for kind, count := range counts {
		t.Logf("%s: %d of %d pass; of nginx, %d", kind, count["sheaf"], count["all"], count["nginx"])
	}
}

func installSuite(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sheaf", "http-cache-tests-"+suiteVersion)
	suite := filepath.Join(dir, "node_modules", "http-cache-tests")
	if _, err := os.Stat(suite); err != nil {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		runCommand(t, nil, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-save", "http-cache-tests@"+suiteVersion)
	}
	return suite
}

// listChecks asks the suite what it has.
func listChecks(t *testing.T, suite string) []check {
	t.Helper()
	const script = `
		const {default: suites} = await import(process.argv[1] + '/tests/index.mjs')
		const {default: surrogate} = await import(process.argv[1] + '/tests/surrogate-control.mjs')
		console.log(JSON.stringify([...suites, surrogate].flatMap(suite => suite.tests.map(test => ({
			ID: test.id, Suite: suite.id, Kind: test.kind || 'required', browser_only: !!test.browser_only
		})))))`
	var checks []check
	if err := json.Unmarshal([]byte(runCommand(t, nil, "node", "--no-warnings", "--input-type=module", "-e", script, "file://"+suite)), &checks); err != nil {
		t.Fatal(err)
	}
	return checks
}

// startOrigin starts the suite's own upstream, and returns its URL.
func startOrigin(t *testing.T, suite string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "server/server.mjs")
	command.Dir = suite
	command.Env = append(os.Environ(), "npm_config_protocol=http", "npm_config_port=0", "npm_config_pidfile="+filepath.Join(t.TempDir(), "pid"))
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	scanner := bufio.NewScanner(output)
	if !scanner.Scan() {
		t.Fatal("the origin says nothing")
	}
	port := scanner.Text()[strings.LastIndex(strings.TrimSuffix(scanner.Text(), "/"), ":")+1:]
	go func() { _, _ = io.Copy(io.Discard, output) }()
	return "http://127.0.0.1:" + strings.TrimSuffix(port, "/")
}

// runSuite runs every check against a cache, and returns what failed, by the checks' ids.
func runSuite(t *testing.T, suite, cache string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "--no-warnings", "cli.mjs")
	command.Dir = suite
	command.Env = append(os.Environ(), "npm_config_base="+cache, "npm_config_id=", "npm_package_config_id=")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("run suite: %v", err)
	}
	var results map[string]json.RawMessage
	if err := json.Unmarshal(output[bytes.IndexByte(output, '{'):], &results); err != nil {
		t.Fatalf("read results: %v", err)
	}
	failed := map[string]string{}
	for id, result := range results {
		if string(result) != "true" {
			failed[id] = strings.Join(strings.Fields(string(result)), " ")
		}
	}
	return failed
}

// passThrough is a proxy made of the cache alone: a request becomes a call, and its answer the response.
func passThrough(t *testing.T, origin string) string {
	t.Helper()
	client, err := upstreams.New(upstreams.Config{
		Name: "origin", BaseURL: origin, Private: true, Breaker: upstreams.BreakerConfig{MinRequests: 1 << 20},
		Cache: &upstreams.CacheConfig{Store: store.NewMemory(64 << 20), IgnoreHeaders: []string{
			"Accept", "Accept-Language", "Bar", "Baz", "Connection", "Cookie", "Foo", "Other", "Range", "Req-Num", "Test-Id", "Test-Name", "User-Agent",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	target, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	direct := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/test/") {
			direct.ServeHTTP(w, r)
			return
		}
		pass(w, r, client)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func pass(w http.ResponseWriter, r *http.Request, client *upstreams.Client) {
	header := r.Header.Clone()
	for _, name := range []string{"Connection", "Accept-Encoding", "Content-Length", "Transfer-Encoding"} {
		header.Del(name)
	}
	body, _ := io.ReadAll(r.Body)
	if len(body) == 0 {
		body = nil
	}
	answer, err := client.Do(r.Context(), &upstreams.Request{
		Name: "test", Template: r.URL.Path, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: header, Body: body,
	})
	if failure, ok := errors.AsType[*upstreams.Error](err); ok {
		if failure.Answer == nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		answer = failure.Answer
	}
	for name, values := range answer.Header {
		if name != "Content-Length" && name != "Connection" && name != "Transfer-Encoding" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body)
}

// startNginx starts nginx as a cache, as the suite's own configuration has it, and returns its URL.
func startNginx(t *testing.T, origin string) string {
	t.Helper()
	dir := t.TempDir()
	address := freeAddress(t)
	config := fmt.Sprintf(`
		user %[4]s; daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
		events {}
		http {
			access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
			proxy_cache_path %[1]s/cache levels=1:2 keys_zone=all:8m max_size=1000m inactive=600m;
			server { listen %[2]s; location / { proxy_pass %[3]s; proxy_cache all; proxy_cache_revalidate on; } }
		}`, dir, address, origin, userName(t))
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // killed, it would leave its workers
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatalf("start nginx: %v; install it with apt-get install nginx-light", err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the test's context has ended by then
	awaitListener(t, address)
	return "http://" + address
}

func userName(t *testing.T) string {
	t.Helper()
	current, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return current.Username
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	for ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second); ; {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			cancel()
			_ = connection.Close()
			return
		}
		select {
		case <-ctx.Done():
			cancel()
			t.Fatalf("nobody listens on %s: %v", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
