package edgetest_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

func largeRequests(t *testing.T, e *edge) {
	t.Helper()
	ann := e.issuer.token("ann", "notes")
	for name, test := range map[string]struct{ body, code string }{
		"large": {`{"owner": "ann", "text": "x", "tags": ["` + strings.Repeat("x", 70<<10) + `"]}`, "resource_exhausted"},
		"long":  {`{"owner": "ann", "text": "x", "tags": [` + strings.Repeat(`"",`, 100) + `""]}`, "invalid_argument"},
		"deep":  {`{"owner": ` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `}`, "invalid_argument"},
		"wrong": {`{"owner": "ann", "text": "` + strings.Repeat("x", 281) + `"}`, "invalid_argument"},
		"twice": {`{"owner": "ann", "owner": "bob", "text": "x"}`, "invalid_argument"},
	} {
		t.Run(name, func(t *testing.T) {
			e.denied(t, e.send(t, sent{rpc: "CreateNote", token: ann, body: test.body, header: []string{"Idempotency-Key", name}}), test.code)
		})
	}
}

func beyondRate(t *testing.T, e *edge) {
	t.Helper()
	ann := e.issuer.token("ann", "notes")
	const burst = 20 // and one more in a minute
	for i := range burst + 2 {
		got := e.send(t, sent{rpc: "GetNote", token: ann, body: `{"owner": "ann", "id": "n1"}`})
		if i < burst {
			fine(t, got)
		}
		if i > burst && (got.code() != "resource_exhausted" || got.header.Get("Retry-After") == "" || !strings.Contains(got.header.Get("Ratelimit"), `"reads"`)) {
			t.Errorf("got %d %v %s", got.status, got.header, got.body)
		}
	}
	fine(t, e.send(t, sent{rpc: "GetNote", token: e.issuer.token("bob", "notes"), body: `{"owner": "bob", "id": "n1"}`}))
}

func hugePage(t *testing.T, e *edge) {
	t.Helper()
	fine(t, e.send(t, sent{rpc: "ListMine", token: e.issuer.token("ann", "notes"), body: `{"pageSize": 1000000}`}))
	if got := e.notes.paths[0]; !strings.Contains(got, "limit=5") {
		t.Errorf("the upstream was asked %s", got)
	}
}

func quota(t *testing.T, e *edge) {
	t.Helper()
	for i := range 21 {
		got := e.send(t, sent{
			rpc: "CreateNote", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann", "text": "x"}`, header: []string{"Idempotency-Key", fmt.Sprint("key-", i)},
		})
		if (got.status == http.StatusOK) != (i < 20) || i == 20 && got.code() != "resource_exhausted" {
			t.Errorf("write %d: %d %s", i, got.status, got.body)
		}
	}
	if created := e.notes.created.Load(); created != 20 {
		t.Errorf("%d notes were created", created)
	}
}

func repeatedWrite(t *testing.T, e *edge) {
	t.Helper()
	request := sent{rpc: "CreateNote", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann", "text": "x"}`, header: []string{"Idempotency-Key", "k1"}}
	first, second := fine(t, e.send(t, request)), fine(t, e.send(t, request))
	if first.body != second.body || e.notes.created.Load() != 1 {
		t.Errorf("%s, then %s; %d notes were created", first.body, second.body, e.notes.created.Load())
	}
	request.body = `{"owner": "ann", "text": "y"}`
	if got := e.send(t, request); got.status == http.StatusOK || e.notes.created.Load() != 1 {
		t.Errorf("another request with the key: %d %s", got.status, got.body)
	}
}

func writeWithoutKey(t *testing.T, e *edge) {
	t.Helper()
	e.denied(t, e.send(t, sent{rpc: "CreateNote", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann", "text": "x"}`}), "invalid_argument")
}

func segments(t *testing.T, e *edge) {
	t.Helper()
	ann := e.issuer.token("ann", "notes")
	for _, id := range []string{"..", ".", "", "../../drain", "http://169.254.169.254/", "a/b", "a?b=c#d", "%2e%2e", `\\host`, "@evil.example"} {
		_ = e.send(t, sent{rpc: "GetMine", token: ann, body: fmt.Sprintf(`{"id": %q}`, id)})
	}
	e.notes.mu.Lock()
	defer e.notes.mu.Unlock()
	for _, path := range e.notes.paths {
		if rest, ok := strings.CutPrefix(path, "GET /users/me/notes/"); !ok || strings.ContainsAny(rest, "/?#") {
			t.Errorf("the upstream was asked %s", path)
		}
	}
	if len(e.notes.paths) == 0 {
		t.Error("no request reached the upstream")
	}
}

func privateAddress(t *testing.T, e *edge) {
	t.Helper()
	got := fine(t, e.send(t, sent{rpc: "Preview", token: e.issuer.token("ann", "notes"), body: `{"owner": "ann", "url": "http://169.254.169.254/latest"}`}))
	if got.field("title") != "" || e.notes.asked.Load() != 0 {
		t.Errorf("got %s; the upstream was asked %d times", got.body, e.notes.asked.Load())
	}
}

func securityHeaders(t *testing.T, e *edge) {
	t.Helper()
	for _, got := range []answer{e.send(t, sent{rpc: "GetNews", body: `{}`}), e.send(t, sent{rpc: "GetMine", body: `{}`}), e.send(t, sent{rpc: "Nothing", body: `{}`})} {
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Security-Policy") == "" || got.header.Get("Cache-Control") == "" || got.header.Get("Server") != "" {
			t.Errorf("%d %s has %v", got.status, got.body, got.header)
		}
	}
}

func otherOrigins(t *testing.T, e *edge) {
	t.Helper()
	for origin, allowed := range map[string]bool{
		"https://app.example": true, "https://app.example.evil.example": false, "https://evil.example": false, "http://app.example": false, "null": false,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, e.url+service+"GetMine", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Method", http.MethodPost)
		request.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		got, err := e.do(request)
		if err != nil {
			t.Fatal(err)
		}
		if let := got.header.Get("Access-Control-Allow-Origin"); (let == origin) != allowed || !allowed && let != "" {
			t.Errorf("%s: %d %v", origin, got.status, got.header)
		}
	}
}

func safeErrors(t *testing.T, e *edge) {
	t.Helper()
	e.notes.answerOddly(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`panic in /srv/notes/db.go: postgres://root:hunter2@10.1.2.3`))
	})
	got := e.send(t, sent{rpc: "GetMine", token: e.issuer.token("ann", "notes"), body: `{"id": "n1"}`})
	for _, secret := range []string{"panic", "hunter2", "10.1.2.3", "127.0.0.1", "/users/", "db.go", "bindings"} {
		if strings.Contains(got.body+fmt.Sprint(got.header), secret) {
			t.Errorf("%d %s tells %q", got.status, got.body, secret)
		}
	}
	if got.status < http.StatusInternalServerError {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func dangerousSettings(t *testing.T, _ *edge) {
	t.Helper()
	for name, change := range map[string][2]string{
		"a wildcard with credentials": {`["https://app.example"]`, `["*"]`},
		"a rule about nothing":        {"notes.v1.NotesService/DeleteAll]", "notes.v1.NotesService/DeletAll]"},
		"a symmetric algorithm":       {"audiences: [notes]", "audiences: [notes], algorithms: [HS256]"},
		"no audience":                 {"audiences: [notes], ", ""},
		"a field that must be there":  {"notes.v1.Note.moderation]", "notes.v1.Note.text]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := plantest.Write(t, project)
			path := filepath.Join(dir, "sheaf.yaml")
			content, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(content), change[0]) {
				t.Fatalf("%v; nothing to change", err)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), change[0], change[1])), 0o600); err != nil {
				t.Fatal(err)
			}
			server, err := bff.Open(dir, bff.WithLookupEnv(func(string) (string, bool) { return "http://127.0.0.1:1", true }))
			if _, ok := errors.AsType[*bff.AuthorError](err); !ok {
				t.Errorf("error = %v", err)
			}
			if err == nil {
				server.Close()
			}
		})
	}
}

func unknownRPCs(t *testing.T, e *edge) {
	t.Helper()
	for _, path := range []string{"/notes.v1.NotesService/GetNoet", "/notes.v1.OperationsService/Drain", "/notes.v2.NotesService/GetNote", "/", "/debug/pprof/", "/metrics", "/../sheaf.yaml"} {
		got := e.send(t, sent{rpc: path, body: `{}`})
		if got.status != http.StatusNotFound || strings.Contains(got.body, "OperationsService/Drain\"?") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if asked := e.notes.asked.Load(); asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
}

func noReflection(t *testing.T, e *edge) {
	t.Helper()
	got := e.send(t, sent{rpc: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", token: e.issuer.token("olga", "operate"), header: []string{"Content-Type", "application/grpc"}})
	const unimplemented = "12"
	if status := got.trailer.Get("Grpc-Status"); status != unimplemented {
		t.Errorf("got %d %v %s with status %q", got.status, got.header, got.body, status)
	}
	if strings.Contains(got.body, "NotesService") {
		t.Errorf("reflection tells %s", got.body)
	}
}

func changedAnswers(t *testing.T, e *edge) {
	t.Helper()
	e.notes.answerOddly(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("X-Internal", "yes")
		_, _ = w.Write([]byte(`{"id": "n1", "owner": "ann", "text": "x", "moderation": {"by": "eve"}, "tags": "none"}`))
	})
	got := e.send(t, sent{rpc: "GetMine", token: e.issuer.token("ann", "notes moderate"), body: `{"id": "n1"}`})
	if strings.Contains(got.body, "eve") || strings.Contains(got.body, "none") || got.header.Get("X-Internal") != "" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("got %d %v %s", got.status, got.header, got.body)
	}
	if !strings.Contains(e.logs.String(), "drift") {
		t.Errorf("the log does not tell: %s", e.logs.String())
	}
}

func hugeAnswer(t *testing.T, e *edge) {
	t.Helper()
	e.notes.answerOddly(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id": "` + strings.Repeat("x", 1<<20) + `"}`))
	})
	if got := e.send(t, sent{rpc: "GetMine", token: e.issuer.token("ann", "notes"), body: `{"id": "n1"}`}); got.status == http.StatusOK {
		t.Errorf("got %d and %d bytes", got.status, len(got.body))
	}
}

func redirect(t *testing.T, e *edge) {
	t.Helper()
	e.notes.answerOddly(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	})
	if got := e.send(t, sent{rpc: "GetMine", token: e.issuer.token("ann", "notes"), body: `{"id": "n1"}`}); got.status == http.StatusOK || e.notes.asked.Load() != 1 {
		t.Errorf("got %d %s after %d requests", got.status, got.body, e.notes.asked.Load())
	}
}
