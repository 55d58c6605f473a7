package bff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/compile"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// canaries are the secrets of all kinds of credentials, by the variables that hold them. What is behind "canary" is unique, so that
// a part of one is found, too.
var canaries = map[string]string{
	"BEARER": "canary-bearer/1a", "HEADER": "canary-header/2b", "QUERY": "canary-query/3c", "PATH": "canary-path/4d", "PASSWORD": "canary-password/5e",
	"CLIENT": "canary-client/6f", "HMAC": "canary-hmac/7a", "AWS_ID": "canary-awsid/8b", "AWS_KEY": "canary-awskey/9c", "AWS_SESSION": "canary-session/0d",
	"ALICE": "canary-account/1e",
}

const (
	callersToken = "canary-caller/2f"
	issuedToken  = "canary-issued/3a"
)

// signedUpstreams are the credentials of upstreams, each of which has an RPC of its name.
var signedUpstreams = map[string]string{
	"bearer":   "{bearer: {env: BEARER}}",
	"header":   "{header: {name: X-Api-Key, env: HEADER}}",
	"query":    "{query: {name: key, env: QUERY}}",
	"path":     "{path: {prefix: '/bot${secret}', env: PATH}}",
	"basic":    "{basic: {username: me, password: {file: secrets/password}}}",
	"caller":   "{caller: {}}",
	"client":   "{oauth2: {token: 'idp:/token', client_id: me, client_secret: {env: CLIENT}}}",
	"form":     "{oauth2: {token: 'idp:/token', client_id: me, client_secret: {env: CLIENT}, client_auth: form}}",
	"exchange": "{oauth2: {token: 'idp:/token', grant: token_exchange, client_id: me, client_secret: {env: CLIENT}}}",
	"untold":   "{oauth2: {token: 'idp:/403', grant: token_exchange, client_id: me, client_secret: {env: CLIENT}, client_auth: form}}",
	"untaken":  "{oauth2: {token: 'idp:/drift', client_id: me, client_secret: {env: CLIENT}}}",
	"hmac":     "{hmac: {header: X-Signature, key: {env: HMAC}, text: '${method} ${path} ${body_sha256}'}}",
	"aws":      "{aws: {region: eu-central-1, service: execute-api, access_key_id: {env: AWS_ID}, secret_access_key: {env: AWS_KEY}, session_token: {env: AWS_SESSION}}}",
	"account":  "{bearer: {account: token}}",
}

// canaryProject is a project with an upstream for each kind of credential, all of them at one address. What they say in a 409 is
// told to clients.
func canaryProject(t *testing.T, address string) string {
	t.Helper()
	var upstreams, proto, bindings strings.Builder
	for name, credentials := range signedUpstreams {
		method := strings.ToUpper(name[:1]) + name[1:]
		fmt.Fprintf(&upstreams, "  %s:\n    base_url: %s\n    network: private\n    timeout: 3s\n    retries: {max: 1}\n    credentials: %s\n", name, address, credentials)
		upstreams.WriteString("    errors: [{status: [409], code: ABORTED, message: '${answer.text}'}]\n")
		fmt.Fprintf(&proto, "  rpc %s(Ask) returns (Told);\n", method)
		fmt.Fprintf(&bindings, "  %s:\n    calls: {asked: {get: '%s:/${request.how}'}}\n    response: {title: asked.title, note: asked.note}\n", method, name)
		if name == "account" {
			bindings.WriteString("    account: ('alice')\n")
		}
	}
	archive := "-- sheaf.yaml --\ncontract: proto\nbindings: bindings\naccounts: {file: accounts.yaml}\nupstreams:\n  idp: {base_url: '" + address + "', network: private}\n" + upstreams.String() +
		"-- accounts.yaml --\naccounts: {alice: {secrets: {token: {env: ALICE}}}}\n" +
		"-- secrets/password --\n" + canaries["PASSWORD"] + "\n" +
		"-- proto/probe.proto --\nsyntax = \"proto3\";\npackage probe.v1;\nmessage Ask { string how = 1; }\nmessage Told { optional string title = 1; optional string note = 2; }\nservice Probe {\n" + proto.String() + "}\n" +
		"-- bindings/probe.yaml --\nservice: probe.v1.Probe\nrpcs:\n" + bindings.String()
	return plantest.Write(t, archive)
}

// echo answers as the last part of the path says, and if it is no success, with all that it was sent.
func echo(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	how := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	said := fmt.Sprintf("%s %s %v %v", r.RequestURI, r.URL.Path, r.Header, r.Form)
	statuses := map[string]int{"401": 401, "403": 403, "409": 409, "500": 500, "503": 503}
	switch {
	case how == "token":
		_, _ = fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer"}`, issuedToken)
	case how == "hang":
		<-r.Context().Done()
	case how == "drift":
		_ = json.NewEncoder(w).Encode(map[string]any{"title": []string{said}, "note": map[string]string{said: said}})
	case statuses[how] != 0:
		w.WriteHeader(statuses[how])
		_, _ = io.WriteString(w, said)
	default:
		_, _ = io.WriteString(w, `{"title": "well"}`)
	}
}

// witness gathers all that leaves a server.
type witness struct {
	mu   sync.Mutex
	seen map[string]string
}

func (w *witness) add(where, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[where] += text + "\n"
}

// TestCanaries plants a secret of each kind, and makes calls that succeed, fail, hang, are refused and drift, behind upstreams that
// say every secret again. Nothing that leaves shows one.
func TestCanaries(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(upstream.Close)
	dir := canaryProject(t, upstream.URL)
	lookup := func(name string) (string, bool) { value, ok := canaries[name]; return value, ok }
	spans, reader, logged := tracetest.NewInMemoryExporter(), metric.NewManualReader(), &logs{}
	options := []bff.Option{
		bff.WithLookupEnv(lookup), bff.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))),
		bff.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))),
		bff.WithLogger(slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}
	h := serve(t, dir, options...)
	all := &witness{seen: map[string]string{}}
	var calls sync.WaitGroup
	for name := range signedUpstreams {
		for _, how := range []string{"ok", "401", "403", "409", "500", "503", "hang", "drift"} {
			calls.Go(func() { all.add("answers", h.probe(t, name, how)) })
		}
	}
	calls.Wait()
	inProcess(t, all, dir, options)
	printPlan(t, all, dir, lookup)
	for _, span := range spans.GetSpans() {
		all.add("spans", fmt.Sprintf("%+v", span))
	}
	var measured metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &measured); err != nil {
		t.Fatal(err)
	}
	all.add("metrics", fmt.Sprintf("%+v", measured))
	all.add("log", logged.String())
	all.check(t)
}

// check fails the test if a secret, or a part of one, is anywhere; or if there is nothing where something has to be.
func (w *witness) check(t *testing.T) {
	t.Helper()
	for where, wants := range map[string][]string{
		"answers": {`"title":"well"`, "UPSTREAM_FAILED", "UPSTREAM_TIMEOUT", "UPSTREAM_TOKEN", "UPSTREAM_CREDENTIALS", "[redacted]"},
		"log":     {"answered 500", "answered 403", "[redacted]", "get token", "no new token", "upstream has drifted"},
		"spans":   {"retry", "token for", "url.template"}, "metrics": {"http.client.request.duration"}, "plan": {"flowchart", "GET bearer:"},
		"egress": {"token for exchange", "the caller's Authorization", "AWS Signature V4"}, "errors": {"UPSTREAM"},
	} {
		contains(t, w.seen[where], wants...)
	}
	forms := map[string]string{"caller": callersToken, "issued": issuedToken}
	maps.Copy(forms, canaries)
	for where, text := range w.seen {
		for name, value := range forms {
			kind, rest, _ := strings.Cut(strings.TrimPrefix(value, "canary-"), "/")
			for _, part := range []string{value, "canary-" + kind, kind + "/" + rest, kind + "%2F" + rest} {
				if at := strings.Index(text, part); at >= 0 {
					t.Errorf("%s: secret of %s is shown: ...%.300s", where, name, text[max(0, at-200):])
					break
				}
			}
		}
		for _, part := range []string{"Y2FuYXJ5", "NhbmFyeS", "jYW5hcn"} { // canary in base64
			if at := strings.Index(text, part); at >= 0 {
				t.Errorf("%s: a secret is shown in base64: ...%.300s", where, text[max(0, at-200):])
			}
		}
	}
}

// probe calls an RPC as a caller with a token, and returns all that comes back.
func (h *house) probe(t *testing.T, name, how string) string {
	t.Helper()
	target := h.url + "/probe.v1.Probe/" + strings.ToUpper(name[:1]) + name[1:]
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, target, strings.NewReader(`{"how": "`+how+`"}`))
	if err != nil {
		t.Error(err)
		return ""
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+callersToken)
	response, err := h.http1.Do(request)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%s %s %v %s", name, how, response.Header, body)
}

// inProcess calls RPCs without a listener, and prints errors and reports in every way.
func inProcess(t *testing.T, all *witness, dir string, options []bff.Option) {
	t.Helper()
	server, err := bff.Open(dir, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for name := range signedUpstreams {
		for _, how := range []string{"ok", "403", "500", "drift"} {
			report, err := server.Call(ctx, strings.ToUpper(name[:1])+name[1:], []byte(`{"how": "`+how+`"}`))
			all.add("errors", fmt.Sprintf("%v %+v %#v", err, err, err))
			if report != nil {
				all.add("errors", fmt.Sprintf("%+v %s", report, report.Response))
			}
		}
	}
	all.add("errors", fmt.Sprintf("UPSTREAM %+v", server.Drifts()))
}

// printPlan prints all that can be printed of a project.
func printPlan(t *testing.T, all *witness, dir string, lookup func(string) (string, bool)) {
	t.Helper()
	compiled, err := compile.Dir(dir, source.Options{LookupEnv: lookup})
	if err != nil {
		t.Fatal(err)
	}
	var text, egress strings.Builder
	for _, service := range compiled.Services {
		if err := plan.WriteText(&text, service.RPCs); err != nil {
			t.Fatal(err)
		}
		if err := plan.WriteMermaid(&text, service.RPCs); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan.WriteEgress(&egress, compiled.Egress()); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(compiled.Egress())
	if err != nil {
		t.Fatal(err)
	}
	all.add("plan", text.String())
	all.add("egress", egress.String()+string(encoded))
}
