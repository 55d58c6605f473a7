package edgetest_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// project is an API of notes that have an owner each, with every part of the policy on.
const project = `
-- sheaf.yaml --
contract: proto
bindings: bindings
listen: 127.0.0.1:8080
server:
  max_request_bytes: 64KiB
  max_depth: 10
  max_elements: 100
  reflection: false
  cors: {origins: ["https://app.example"], credentials: true}
upstreams:
  notes:
    base_url: ${env.NOTES_URL}
    network: private
    max_answer_bytes: 64KiB
    credentials: {caller: {}}
    cache: {store: memory, default_age: 1m}
  news:
    base_url: ${env.NOTES_URL}
    network: private
  id:
    base_url: ${env.ID_URL}
    network: private
  metadata:
    base_url: ${env.METADATA_URL}
internal:
  listen: 127.0.0.1:8081
  rpcs: [notes.v1.OperationsService/*]
policy:
  identity:
    people:
      jwt: {issuer: https://id.example, audiences: [notes], jwks: "id:/keys"}
  anonymous: [notes.v1.NotesService/GetNews]
  rules:
    news: {rpcs: [notes.v1.NotesService/GetNews], allow: "true"}
    own_notes:
      rpcs: [notes.v1.NotesService/GetNote, notes.v1.NotesService/ListNotes, notes.v1.NotesService/CreateNote, notes.v1.NotesService/Preview, notes.v1.NotesService/Echo]
      allow: request.owner == caller.id && "notes" in caller.scopes
    mine: {rpcs: [notes.v1.NotesService/GetMine, notes.v1.NotesService/ListMine, notes.v1.NotesService/CreateMine], allow: '"notes" in caller.scopes'}
    operators: {rpcs: [notes.v1.OperationsService/*, notes.v1.NotesService/DeleteAll], allow: '"operate" in caller.scopes'}
    banned: {rpcs: ["*"], deny: has(caller.claims.banned) && caller.claims.banned}
  fields:
    moderation: {fields: [notes.v1.Note.moderation], allow: '"moderate" in caller.scopes'}
  limits:
    each_caller: {key: caller.id, rate: 1000/s, burst: 1000}
    reads: {rpcs: [notes.v1.NotesService/GetNote], key: caller.id, rate: 60/h, burst: 20}
    writes: {rpcs: [notes.v1.NotesService/CreateNote], key: caller.id, quota: 20/month}
  idempotency: {rpcs: ["notes.v1.NotesService/Create*"], required: true}
-- proto/notes/v1/notes.proto --
syntax = "proto3";
package notes.v1;
import "buf/validate/validate.proto";
service NotesService {
  rpc GetNews(GetNewsRequest) returns (GetNewsResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc GetNote(GetNoteRequest) returns (GetNoteResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc GetMine(GetMineRequest) returns (GetMineResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc ListMine(ListMineRequest) returns (ListMineResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc CreateMine(CreateMineRequest) returns (CreateMineResponse);
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc CreateNote(CreateNoteRequest) returns (CreateNoteResponse);
  rpc Preview(PreviewRequest) returns (PreviewResponse);
  rpc Echo(EchoRequest) returns (EchoResponse);
  rpc DeleteAll(DeleteAllRequest) returns (DeleteAllResponse);
}
service OperationsService {
  rpc Drain(DrainRequest) returns (DrainResponse);
}
message Note {
  string id = 1;
  string owner = 2;
  string text = 3;
  optional string moderation = 4;
  repeated string tags = 5;
}
message GetNewsRequest {}
message GetNewsResponse { string text = 1; }
message GetNoteRequest {
  string owner = 1 [(buf.validate.field).string.min_len = 1];
  string id = 2 [(buf.validate.field).string.min_len = 1];
}
message GetNoteResponse { Note note = 1; }
message GetMineRequest { string id = 1; }
message GetMineResponse { Note note = 1; }
message ListMineRequest {
  int32 page_size = 1;
  string page_token = 2;
}
message ListMineResponse {
  repeated Note notes = 1;
  string next_page_token = 2;
}
message CreateMineRequest { string text = 1; }
message CreateMineResponse { Note note = 1; }
message ListNotesRequest {
  string owner = 1 [(buf.validate.field).string.min_len = 1];
  int32 page_size = 2;
  string page_token = 3;
}
message ListNotesResponse {
  repeated Note notes = 1;
  string next_page_token = 2;
}
message CreateNoteRequest {
  string owner = 1 [(buf.validate.field).string.min_len = 1];
  string text = 2 [(buf.validate.field).string = {min_len: 1, max_len: 280}];
  repeated string tags = 3;
}
message CreateNoteResponse { Note note = 1; }
message PreviewRequest {
  string owner = 1;
  string url = 2;
}
message PreviewResponse { optional string title = 1; }
message EchoRequest {
  string owner = 1 [(buf.validate.field).string.min_len = 1];
  string text = 2 [(buf.validate.field).string = {min_len: 1, max_len: 280}];
}
message EchoResponse { string text = 1; }
message DeleteAllRequest { string owner = 1; }
message DeleteAllResponse {}
message DrainRequest {}
message DrainResponse { string state = 1; }
-- bindings/notes.yaml --
service: notes.v1.NotesService
rpcs:
  GetNews:
    calls:
      news: {get: "news:/news"}
    response: {text: news.text}
  GetNote:
    calls:
      note: {get: "notes:/users/${request.owner}/notes/${request.id}"}
    response:
      note: {id: note.id, owner: note.owner, text: note.text, moderation: note.moderation, tags: note.tags}
  GetMine:
    calls:
      note: {get: "notes:/users/me/notes/${request.id}"}
    response:
      note: {id: note.id, owner: note.owner, text: note.text, moderation: note.moderation, tags: note.tags}
  ListMine:
    pages: {next: list.next, default_size: 2, max_size: 5}
    calls:
      list:
        get: "notes:/users/me/notes"
        query: {after: "${page.cursor}", limit: "${page.size}"}
    response:
      notes: {$each: n in list.notes, id: n.id, owner: n.owner, text: n.text, moderation: n.moderation, tags: n.tags}
  CreateMine:
    calls:
      created: {post: "notes:/users/me/notes", body: {text: "${request.text}"}}
    response:
      note: {id: created.id, owner: created.owner, text: created.text, moderation: created.moderation, tags: created.tags}
  ListNotes:
    pages: {next: list.next, default_size: 2, max_size: 5}
    calls:
      list:
        get: "notes:/users/${request.owner}/notes"
        query: {after: "${page.cursor}", limit: "${page.size}"}
    response:
      notes: {$each: n in list.notes, id: n.id, owner: n.owner, text: n.text, moderation: n.moderation, tags: n.tags}
  CreateNote:
    calls:
      created:
        post: "notes:/users/${request.owner}/notes"
        body: {text: "${request.text}", tags: "${request.tags}"}
    response:
      note: {id: created.id, owner: created.owner, text: created.text, moderation: created.moderation, tags: created.tags}
  Preview:
    calls:
      preview: {get: "metadata:/preview", query: {url: "${request.url}"}, optional: true}
    response: {title: preview.title}
  Echo:
    response: {text: request.text}
  DeleteAll:
    calls:
      deleted: {delete: "notes:/users/${request.owner}/notes"}
-- bindings/operations.yaml --
service: notes.v1.OperationsService
rpcs:
  Drain:
    calls:
      drained: {post: "news:/drain", body: {}}
    response: {state: drained.state}
`

// logs gathers what a server logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// edge is a running server in front of the upstreams of the project.
type edge struct {
	server *bff.Server
	url    string
	client *http.Client
	logs   *logs
	issuer *issuer
	notes  *notes
}

// open serves the project until the test ends.
func open(tb testing.TB, options ...bff.Option) *edge {
	tb.Helper()
	return openDir(tb, plantest.Write(tb, project), options...)
}

func openDir(tb testing.TB, dir string, options ...bff.Option) *edge {
	tb.Helper()
	e := &edge{logs: &logs{}, issuer: newIssuer(tb), notes: newNotes()}
	upstream, keys := httptest.NewServer(e.notes), httptest.NewServer(e.issuer)
	tb.Cleanup(upstream.Close)
	tb.Cleanup(keys.Close)
	lookup := map[string]string{"NOTES_URL": upstream.URL, "ID_URL": keys.URL, "METADATA_URL": upstream.URL}
	options = append([]bff.Option{
		bff.WithLogger(slog.New(slog.NewJSONHandler(e.logs, nil))),
		bff.WithLookupEnv(func(name string) (string, bool) { value, ok := lookup[name]; return value, ok }),
	}, options...)
	server, err := bff.Open(dir, options...)
	if err != nil {
		tb.Fatal(err)
	}
	e.server = server
	e.serve(tb)
	return e
}

// serve serves the public listener until the test ends.
func (e *edge) serve(tb testing.TB) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	e.url = "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	e.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.server.Serve(ctx, listener) }()
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
		e.server.Close()
	})
}
