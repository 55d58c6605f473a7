package bff_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// greeter is a project with one RPC, and the upstream behind it.
type greeter struct {
	dir string
	// opened and closed count the upstream's connections.
	opened, closed atomic.Int64
	// held gets a channel for each request to /held, which answers when that is closed.
	held chan chan struct{}
}

const greeterContract = `-- proto/greet/v1/greet.proto --
syntax = "proto3";
package greet.v1;
service GreetService {
  rpc Greet(GreetRequest) returns (GreetResponse);
}
message GreetRequest {
  string name = 1;
}
message GreetResponse {
  string text = 1;
}
-- bindings/greet.yaml --
service: greet.v1.GreetService
rpcs:
  Greet:
    calls:
      person: {get: "people:/${request.name}"}
    response: {text: person.old}
`

func newGreeter(t *testing.T) *greeter {
	t.Helper()
	g := &greeter{held: make(chan chan struct{})}
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			release := make(chan struct{})
			g.held <- release
			<-release
		}
		_, _ = io.WriteString(w, `{"old": "old", "new": "new", "token": "`+r.Header.Get("Authorization")+`"}`)
	}))
	upstream.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			g.opened.Add(1)
		case http.StateClosed:
			g.closed.Add(1)
		default:
		}
	}
	upstream.Start()
	t.Cleanup(upstream.Close)
	g.dir = plantest.Write(t, greeterContract)
	g.write(t, "sheaf.yaml", g.config(upstream.URL, ""))
	return g
}

// config is sheaf.yaml with more settings of the upstream.
func (g *greeter) config(url, more string) string {
	return "contract: proto\nbindings: bindings\nserver: {drain_timeout: 20s}\nupstreams:\n  people:\n    base_url: " + url + "\n    network: private\n    timeout: 20s\n" + more
}

func (g *greeter) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (g *greeter) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(g.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// change replaces a text in a file of the project.
func (g *greeter) change(t *testing.T, name, from, to string) {
	t.Helper()
	content := g.read(t, name)
	if !strings.Contains(content, from) {
		t.Fatalf("%s does not hold %q", name, from)
	}
	g.write(t, name, strings.ReplaceAll(content, from, to))
}

// greet calls the RPC. A string is in the same place on the wire as the messages' fields.
func greet(ctx context.Context, client *http.Client, url, name string, options ...connect.ClientOption) (string, error) {
	caller := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](client, url+"/greet.v1.GreetService/Greet", options...)
	response, err := caller.CallUnary(ctx, connect.NewRequest(wrapperspb.String(name)))
	if err != nil {
		return "", err
	}
	return response.Msg.GetValue(), nil
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	ctx := withDeadline(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// TestReloadFinishesInFlight: a call that began before a reload ends as it began, the next one on the same connection sees what is
// new, and the old world's connections are closed only when its last call has ended.
func TestReloadFinishesInFlight(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	type result struct {
		text string
		err  error
	}
	began := make(chan result, 1)
	go func() {
		text, err := greet(ctx, h.h2c, h.url, "held")
		began <- result{text, err}
	}()
	release := <-g.held
	g.change(t, "bindings/greet.yaml", "person.old", "person.new")
	g.change(t, "sheaf.yaml", "timeout: 20s\n", "timeout: 19s\n")
	reloaded, err := h.server.Reload(ctx)
	if err != nil || reloaded.Before == reloaded.Digest || reloaded.RPCs != 1 || reloaded.Kept != 0 || reloaded.Upstreams != 1 {
		t.Fatalf("reloaded = %+v, %v", reloaded, err)
	}
	if text, err := greet(ctx, h.h2c, h.url, "next"); err != nil || text != "new" {
		t.Errorf("call after the reload = %q, %v; want new", text, err)
	}
	if closed := g.closed.Load(); closed != 0 {
		t.Errorf("%d connections were closed under a call in flight", closed)
	}
	close(release)
	if got := <-began; got.err != nil || got.text != "old" {
		t.Errorf("call from before the reload = %q, %v; want old", got.text, got.err)
	}
	eventually(t, "the old world closes its connection", func() bool { return g.closed.Load() == 1 })
	contains(t, h.logs.String(), `"msg":"reloaded"`, reloaded.Digest)
}

// TestReloadKeepsClients: an upstream whose settings and secrets are the same keeps its connections; one whose secret has changed
// sends the new one.
func TestReloadKeepsClients(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.write(t, "token", "first")
	g.write(t, "sheaf.yaml", g.read(t, "sheaf.yaml")+"    credentials: {bearer: {file: token}}\n")
	g.change(t, "bindings/greet.yaml", "person.old", "person.token")
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	for round, step := range []struct {
		change func()
		kept   int
		text   string
		opened int64
	}{
		{func() {}, 1, "Bearer first", 1},
		{func() { g.write(t, "sheaf.yaml", "# moved\n"+g.read(t, "sheaf.yaml")) }, 1, "Bearer first", 1},
		{func() { g.write(t, "token", "second") }, 1, "Bearer second", 1},
		{func() { g.change(t, "sheaf.yaml", "timeout: 20s\n", "timeout: 18s\n") }, 0, "Bearer second", 2},
	} {
		if _, err := greet(ctx, h.http1, h.url, "x"); err != nil {
			t.Fatal(err)
		}
		step.change()
		reloaded, err := h.server.Reload(ctx)
		if err != nil || reloaded.Kept != step.kept {
			t.Fatalf("round %d: reloaded = %+v, %v; want %d kept", round, reloaded, err, step.kept)
		}
		if text, err := greet(ctx, h.http1, h.url, "x"); err != nil || text != step.text {
			t.Errorf("round %d: text = %q, %v; want %q", round, text, err, step.text)
		}
		if opened := g.opened.Load(); opened != step.opened {
			t.Errorf("round %d: %d connections to the upstream, want %d", round, opened, step.opened)
		}
	}
}

// TestStatusSorted: upstreams are told by name, though one that issues tokens begins before those that need them.
func TestStatusSorted(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.write(t, "secret", "canary")
	g.write(t, "sheaf.yaml", g.config("http://127.0.0.1:1", `    credentials: {oauth2: {token: "tokens:/token", client_id: us, client_secret: {file: secret}}}
  tokens: {base_url: "http://127.0.0.1:1", network: private}
`))
	status := serve(t, g.dir).server.Status()
	if len(status.Upstreams) != 2 || status.Upstreams[0].Name != "people" || status.Upstreams[1].Name != "tokens" {
		t.Errorf("upstreams = %+v", status.Upstreams)
	}
}

// TestReloadJudgesAuthorities: whoever was trusted by a file of authorities is not trusted for longer than that says so.
func TestReloadJudgesAuthorities(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for name, settings := range map[string]string{
		"upstream": "    tls: {ca: ca.pem}\n",
		"redis":    "    cache: {store: redis}\nredis: {addresses: ['127.0.0.1:1'], tls: {ca: ca.pem}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreeter(t)
			g.write(t, "ca.pem", authority)
			g.write(t, "sheaf.yaml", g.config("https://127.0.0.1:1", settings))
			h := serve(t, g.dir)
			for _, want := range []int{1, 0} {
				reloaded, err := h.server.Reload(withDeadline(t))
				if err != nil || reloaded.Kept != want {
					t.Errorf("reloaded = %+v, %v; want %d kept", reloaded, err, want)
				}
				g.write(t, "ca.pem", authority+authority)
			}
		})
	}
}

// TestReloadRefusesWrongFiles: whatever is wrong is told, and nothing changes.
func TestReloadRefusesWrongFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, from, to string
		want           string
	}{
		"half a file":       {"bindings/greet.yaml", "response: {text: person.old}", "response: {te", "bindings/greet.yaml:"},
		"an unknown field":  {"bindings/greet.yaml", "{text: person.old}", "{txt: person.old}", `unknown field "txt"`},
		"an unknown key":    {"sheaf.yaml", "timeout: 20s\n", "timeuot: 20s\n", `did you mean "timeout"`},
		"no contract":       {"sheaf.yaml", "contract: proto", "contract: none", "no such path: none"},
		"a wrong contract":  {"proto/greet/v1/greet.proto", "string text = 1", "strin text = 1", "proto/greet/v1/greet.proto:10:3"},
		"a missing secret":  {"sheaf.yaml", "timeout: 20s\n", "timeout: 20s\n    credentials: {bearer: {file: none}}\n", "read secret"},
		"a missing key":     {"sheaf.yaml", "{drain_timeout: 20s}", "{drain_timeout: 20s, page_token_key: {file: none}}", "read secret"},
		"an unset variable": {"sheaf.yaml", "timeout: 20s\n", "timeout: ${env.NONE}\n", "NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreeter(t)
			h := serve(t, g.dir, bff.WithLookupEnv(func(string) (string, bool) { return "", false }))
			ctx := withDeadline(t)
			before := h.server.Status()
			g.change(t, test.file, test.from, test.to)
			_, err := h.server.Reload(ctx)
			wrong, ok := errors.AsType[*bff.AuthorError](err)
			if !ok || len(wrong.Problems) == 0 || wrong.Problems[0].Position.File == "" {
				t.Fatalf("error = %v, want the author's", err)
			}
			contains(t, strings.ReplaceAll(h.logs.String(), `\"`, `"`), `"msg":"reload failed, nothing has changed"`, test.want)
			after := h.server.Status()
			if after.Failure == nil || after.Digest != before.Digest || !after.LoadedAt.Equal(before.LoadedAt) {
				t.Errorf("status = %+v, want that of %+v with a failure", after, before)
			}
			if text, err := greet(ctx, h.http1, h.url, "x"); err != nil || text != "old" {
				t.Errorf("text = %q, %v", text, err)
			}
			g.change(t, test.file, test.to, test.from)
			if _, err := h.server.Reload(ctx); err != nil || h.server.Status().Failure != nil {
				t.Errorf("reload of mended files: %v, %+v", err, h.server.Status().Failure)
			}
		})
	}
}

// TestReloadWarns: what holds only after a restart is told.
func TestReloadWarns(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	h := serve(t, g.dir)
	g.change(t, "sheaf.yaml", "contract: proto", "listen: 127.0.0.1:1\ncontract: proto")
	reloaded, err := h.server.Reload(withDeadline(t))
	if err != nil || len(reloaded.NeedRestart) != 1 || reloaded.NeedRestart[0] != "listen" {
		t.Fatalf("reloaded = %+v, %v", reloaded, err)
	}
	contains(t, h.logs.String(), "holds only after a restart", `"setting":"listen"`)
}

// TestReloadTurnsServices: health and reflection know the services of the newest files.
func TestReloadTurnsServices(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	check := connect.NewClient[wrapperspb.StringValue, wrapperspb.Int32Value](h.http1, h.url+"/"+grpchealth.HealthV1ServiceName+"/Check")
	known := func(service string) bool {
		_, err := check.CallUnary(ctx, connect.NewRequest(wrapperspb.String(service)))
		return err == nil
	}
	if !known("greet.v1.GreetService") || known("greet.v1.HelloService") {
		t.Fatal("health does not know the services at the start")
	}
	g.change(t, "proto/greet/v1/greet.proto", "service GreetService", "service HelloService")
	g.change(t, "bindings/greet.yaml", "GreetService", "HelloService")
	if _, err := h.server.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if known("greet.v1.GreetService") || !known("greet.v1.HelloService") || !known("") {
		t.Error("health does not know the services after the reload")
	}
	if _, err := greet(ctx, h.http1, h.url, "x"); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("call of a service that is gone: %v", err)
	}
}

// TestReloadGivenUp: that a process ends, or an operator leaves, in the middle of a reload is no error, and nobody's failure.
func TestReloadGivenUp(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	var leave atomic.Pointer[context.CancelFunc]
	h := serve(t, g.dir, bff.WithLookupEnv(func(string) (string, bool) {
		if cancel := leave.Load(); cancel != nil {
			(*cancel)()
		}
		return "20s", true
	}))
	ctx, cancel := context.WithCancel(withDeadline(t))
	leave.Store(&cancel)
	g.change(t, "sheaf.yaml", "timeout: 20s\n", "timeout: ${env.PATIENCE}\n")
	if _, err := h.server.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v", err)
	}
	contains(t, h.logs.String(), `"level":"INFO","msg":"reload given up, nothing has changed"`)
	if failure := h.server.Status().Failure; failure != nil {
		t.Errorf("failure = %v", failure)
	}
}

// TestReloadAfterClose does nothing.
func TestReloadAfterClose(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	server, err := bff.Open(g.dir, bff.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if _, err := server.Reload(withDeadline(t)); err == nil {
		t.Error("a closed server was reloaded")
	}
}

// TestReloadCutsDrain: a world whose requests do not end is closed when its time is up, and that is told.
func TestReloadCutsDrain(t *testing.T) {
	t.Parallel()
	g := newGreeter(t)
	g.change(t, "sheaf.yaml", "drain_timeout: 20s", "drain_timeout: 0.01s")
	h := serve(t, g.dir)
	ctx := withDeadline(t)
	var calls sync.WaitGroup
	calls.Go(func() {
		if text, err := greet(ctx, h.http1, h.url, "held"); err != nil || text != "old" {
			t.Errorf("call in flight = %q, %v", text, err)
		}
	})
	release := <-g.held
	g.change(t, "sheaf.yaml", "drain_timeout: 0.01s", "drain_timeout: 20s") // for the end of the test
	if _, err := h.server.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the drain is over", func() bool { return strings.Contains(h.logs.String(), `"rpcs":1,"after":"10ms"`) })
	close(release)
	calls.Wait()
}
