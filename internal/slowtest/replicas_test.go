//go:build slow

package slowtest_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sheaf-rpc/sheaf/bff"
)

// notes is an upstream: notes that may be kept, and mine, which needs a token that expires at will. Its refresh tokens are good
// for one use.
type notes struct {
	url string

	mu       sync.Mutex
	served   int
	refused  int
	token    string
	refresh  string
	renewals int
	misused  int
}

func startNotes(t *testing.T) *notes {
	t.Helper()
	n := &notes{token: "expired", refresh: "canary-refresh-0"}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /notes/{id}", n.public)
	routes.HandleFunc("GET /mine", n.mine)
	routes.HandleFunc("POST /token", n.renew)
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

func (n *notes) public(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.served++
	w.Header().Set("Cache-Control", "max-age=600")
	_, _ = fmt.Fprintf(w, `{"text": "note %s"}`, r.PathValue("id"))
}

func (n *notes) mine(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+n.token {
		n.refused++
		http.Error(w, `{}`, http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, `{"text": "mine"}`)
}

func (n *notes) renew(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.FormValue("refresh_token") != n.refresh {
		n.misused++
		http.Error(w, `{"error": "invalid_grant"}`, http.StatusBadRequest)
		return
	}
	n.renewals++
	n.token, n.refresh = fmt.Sprintf("canary-token-%d", n.renewals), fmt.Sprintf("canary-refresh-%d", n.renewals)
	_, _ = fmt.Fprintf(w, `{"access_token": %q, "refresh_token": %q}`, n.token, n.refresh)
}

// expire makes the token that is known one that has expired, for every replica.
func (n *notes) expire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.token = "expired"
}

func (n *notes) counts() (served, renewals, misused int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.served, n.renewals, n.misused
}

// writeNotes writes a project in front of notes, with these further settings of sheaf.yaml.
func writeNotes(t *testing.T, n *notes, settings string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"proto/notes/v1/notes.proto": `
			syntax = "proto3";
			package notes.v1;
			service NoteService {
			  rpc GetNote(GetNoteRequest) returns (Note);
			  rpc GetMine(GetMineRequest) returns (Note);
			}
			message GetNoteRequest { string id = 1; }
			message GetMineRequest { string account = 1; }
			message Note { string text = 1; }`,
		"bindings/notes.yaml": `
service: notes.v1.NoteService
rpcs:
  GetNote:
    calls: {note: {get: "notes:/notes/${request.id}"}}
    response: {text: note.text}
  GetMine:
    account: request.account
    calls: {mine: {get: "mine:/mine"}}
    response: {text: mine.text}
`,
		"accounts.yaml": "accounts: {alice: {secrets: {access_token: {env: ALICE_TOKEN}, refresh_token: {env: ALICE_REFRESH}}}}\n",
		"sheaf.yaml": `
contract: proto
bindings: bindings
upstreams:
  notes:
    base_url: ` + n.url + `
    network: private
    cache: {store: redis}
  mine:
    base_url: ` + n.url + `
    network: private
    errors: [{status: [401], code: UNAUTHENTICATED, expired: true}]
    credentials:
      bearer: {account: access_token}
      refresh:
        post: /token
        form: {grant_type: refresh_token, refresh_token: "${secret.refresh_token}"}
        store: {access_token: answer.body.access_token, refresh_token: answer.body.refresh_token}
` + settings,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replica is a server of a project, as one of many.
type replica struct {
	server *bff.Server
	front  *httptest.Server
	logs   *lines
}

// lines gathers what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var notesEnvironment = map[string]string{
	"ALICE_TOKEN": "canary-token-0", "ALICE_REFRESH": "canary-refresh-0", "ACCOUNTS_KEY": "0123456789abcdef0123456789abcdef",
}

func startReplica(t *testing.T, dir string) *replica {
	t.Helper()
	r := &replica{logs: &lines{}}
	server, err := bff.Open(dir, bff.WithLogger(slog.New(slog.NewTextHandler(r.logs, nil))), bff.WithLookupEnv(func(name string) (string, bool) {
		value, ok := notesEnvironment[name]
		return value, ok
	}))
	if err != nil {
		t.Fatal(err)
	}
	r.server, r.front = server, httptest.NewServer(server.Handler())
	t.Cleanup(r.stop)
	return r
}

func (r *replica) stop() {
	r.front.Client().CloseIdleConnections()
	r.front.Close()
	r.server.Close()
}

// ask calls an RPC; an error of a client fails the test.
func (r *replica) ask(t *testing.T, rpc, message string) {
	t.Helper()
	if status, body := r.try(t, rpc, message); status != http.StatusOK {
		t.Errorf("%s answered %d: %s\n%s", rpc, status, body, r.logs)
	}
}

func (r *replica) try(t *testing.T, rpc, message string) (int, string) {
	t.Helper()
	response, err := r.front.Client().Post(r.front.URL+"/notes.v1.NoteService/"+rpc, "application/json", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// askNotes asks for notes of these numbers, and returns how many of the calls reached the upstream.
func (r *replica) askNotes(t *testing.T, n *notes, from, to int) int {
	t.Helper()
	before, _, _ := n.counts()
	for id := from; id < to; id++ {
		r.ask(t, "GetNote", fmt.Sprintf(`{"id": "%d"}`, id))
	}
	after, _, _ := n.counts()
	return after - before
}
