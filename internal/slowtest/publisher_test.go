//go:build slow

package slowtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// publisher publishes a draft in two places, once for each key.
const publisher = `
-- sheaf.yaml --
contract: proto
bindings: bindings
listen: 127.0.0.1:0
server: {max_timeout: 120s}
redis: {addresses: ["${env.REDIS}"], timeout: 100s}
policy:
  anonymous: ["*"]
  idempotency: {rpcs: [posts.v1.PostService/Publish], required: true, store: redis}
upstreams:
  posts: {base_url: "${env.POSTS_URL}", network: private, timeout: 100s}
-- proto/posts/v1/posts.proto --
syntax = "proto3";
package posts.v1;
service PostService {
  rpc Publish(PublishRequest) returns (PublishResponse);
}
message PublishRequest { string id = 1; }
message PublishResponse {
  string first = 1;
  string second = 2;
}
-- bindings/posts.yaml --
service: posts.v1.PostService
rpcs:
  Publish:
    calls:
      draft: {get: "posts:/drafts/${request.id}"}
      first: {post: "posts:/posts/${request.id}/first", body: {text: "${draft.text}"}}
      second: {post: "posts:/posts/${request.id}/second", body: {after: "${first.at}"}}
    response: {first: first.at, second: second.at}
`

// posts is the upstream. It counts what is written.
type posts struct {
	url string

	mu     sync.Mutex
	writes map[string]int
	steps  map[string]*boundaries // by the draft
}

func startPosts(t *testing.T) *posts {
	t.Helper()
	p := &posts{writes: map[string]int{}, steps: map[string]*boundaries{}}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /drafts/{id}", func(w http.ResponseWriter, r *http.Request) {
		p.serve(w, r.PathValue("id"), "read of the draft", func() {})
	})
	routes.HandleFunc("POST /posts/{id}/{place}", func(w http.ResponseWriter, r *http.Request) {
		id, place := r.PathValue("id"), r.PathValue("place")
		_, _ = io.Copy(io.Discard, r.Body)
		p.serve(w, id, place+" write", func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.writes[id+" "+place]++
		})
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *posts) serve(w http.ResponseWriter, id, name string, carryOut func()) {
	p.mu.Lock()
	steps := p.steps[id]
	p.mu.Unlock()
	if steps == nil {
		steps = newBoundaries(-1)
	}
	if !steps.at(name + ", before it is carried out") {
		panic(http.ErrAbortHandler)
	}
	carryOut()
	if !steps.at(name + ", before its answer is back") {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"text": "a text", "at": "now"}`)
}

// follow sets the steps of a draft; nil for none.
func (p *posts) follow(id string, steps *boundaries) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps[id] = steps
}

// written is how often the draft was written in each place.
func (p *posts) written(id string) (first, second int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes[id+" first"], p.writes[id+" second"]
}

// publisherReplica is a replica that is a process of its own.
type publisherReplica struct {
	*exec.Cmd
	address string
}

func buildSheaf(t *testing.T) string {
	t.Helper()
	binary := t.TempDir() + "/sheaf"
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	return binary
}

func startPublisher(t *testing.T, binary string, redis string, upstream *posts) *publisherReplica {
	t.Helper()
	server := exec.Command(binary, "serve", plantest.Write(t, publisher))
	server.Env = append(os.Environ(), "REDIS="+redis, "POSTS_URL="+upstream.url)
	logs, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	p := &publisherReplica{Cmd: server}
	t.Cleanup(func() { p.end(t) })
	p.address = servingAddress(t, logs)
	return p
}

// end kills the process, if it runs.
func (p *publisherReplica) end(t *testing.T) {
	t.Helper()
	if p.ProcessState == nil {
		p.signal(t, syscall.SIGKILL)
		_ = p.Wait()
	}
}

func (p *publisherReplica) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// told is what a client is told: ok, replayed, the reason of a failure, or broken if the connection was.
type told string

// isFinal reports whether asking again is no use.
func (t told) isFinal() bool {
	return t != "broken" && t != "IDEMPOTENCY_KEY_IN_USE" && t != "IDEMPOTENCY_UNAVAILABLE"
}

// publish asks a replica to publish a draft.
func (p *publisherReplica) publish(ctx context.Context, id, key string) told {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+"/posts.v1.PostService/Publish",
		strings.NewReader(fmt.Sprintf(`{"id": %q}`, id)))
	if err != nil {
		return "broken"
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "broken"
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return "broken"
	case response.StatusCode != http.StatusOK:
		return reasonOf(body)
	case !bytes.Contains(body, []byte(`"first":"now"`)) || !bytes.Contains(body, []byte(`"second":"now"`)):
		return told("another answer: " + string(body))
	case response.Header.Get("Idempotency-Replayed") == "true":
		return "replayed"
	default:
		return "ok"
	}
}

// publishUntilFinal asks again until that is no use.
func (p *publisherReplica) publishUntilFinal(t *testing.T, id, key string) (final told, tries int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for tries = 1; ; tries++ {
		if final = p.publish(ctx, id, key); final.isFinal() {
			return final, tries
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no final answer after %d tries, but %s", tries, final)
		case <-time.After(time.Second): // as RetryInfo says
		}
	}
}

// reasonOf is the reason in a failure of unary Connect, or its text.
func reasonOf(body []byte) told {
	var failure struct {
		Message string
		Details []struct{ Type, Value string }
	}
	if err := json.Unmarshal(body, &failure); err != nil {
		return told(body)
	}
	for _, detail := range failure.Details {
		var info errdetails.ErrorInfo
		wire, err := base64.RawStdEncoding.DecodeString(detail.Value)
		if detail.Type == "google.rpc.ErrorInfo" && err == nil && proto.Unmarshal(wire, &info) == nil {
			return told(info.GetReason())
		}
	}
	return told(failure.Message)
}
