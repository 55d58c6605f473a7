package pocketbase_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	module   = "github.com/pocketbase/pocketbase/examples/base@v0.36.8"
	email    = "admin@library.example"
	password = "only-for-this-test"
)

// program is PocketBase's binary; it is built once and kept in the user's cache.
func program(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "sheaf", "pocketbase-0.36.8")
	binary := filepath.Join(dir, "base")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "go", "install", module)
	install.Dir = t.TempDir()
	install.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("build PocketBase: %v\n%s", err, output)
	}
	return binary
}

// server is a running PocketBase.
type server struct {
	url, token string
}

// start starts PocketBase on a free port with an empty database, and ends it with the test.
func start(t *testing.T) *server {
	t.Helper()
	binary, data := program(t), t.TempDir()
	upsert := exec.CommandContext(t.Context(), binary, "superuser", "upsert", email, password, "--dir", data)
	if output, err := upsert.CombinedOutput(); err != nil {
		t.Fatalf("create superuser: %v\n%s", err, output)
	}
	address := freeAddress(t)
	var output bytes.Buffer
	serve := exec.Command(binary, "serve", "--http", address, "--dir", data)
	serve.Stdout, serve.Stderr = &output, &output
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
		if t.Failed() {
			t.Logf("PocketBase said:\n%s", output.String())
		}
	})
	s := &server{url: "http://" + address}
	s.waitUntilHealthy(t)
	return s
}

// freeAddress is an address of loopback that nobody listens on. Another process could take it before PocketBase does;
// the kernel does not give a port out again that soon.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *server) waitUntilHealthy(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("PocketBase did not become healthy")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// post sends JSON to PocketBase's own API, and returns what it answers.
func (s *server) post(t *testing.T, path string, body any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %d %s", path, response.StatusCode, answer)
	}
	var object map[string]any
	if err := json.Unmarshal(answer, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// fill makes the collections and some books, and returns the books' identifiers by title.
func (s *server) fill(t *testing.T) (books map[string]string, author string) {
	t.Helper()
	signedIn := s.post(t, "/api/collections/_superusers/auth-with-password", map[string]any{"identity": email, "password": password})
	s.token = fmt.Sprint(signedIn["token"])
	open := map[string]any{"listRule": "", "viewRule": "", "createRule": ""}
	authors := s.post(t, "/api/collections", with(open, map[string]any{
		"name": "authors", "type": "base", "fields": []any{map[string]any{"name": "name", "type": "text", "required": true}},
	}))
	s.post(t, "/api/collections", with(open, map[string]any{
		"name": "books", "type": "base", "fields": []any{
			map[string]any{"name": "title", "type": "text", "required": true},
			map[string]any{"name": "year", "type": "number", "min": 1000, "onlyInt": true},
			map[string]any{"name": "subjects", "type": "json"},
			map[string]any{"name": "author", "type": "relation", "collectionId": authors["id"], "maxSelect": 1},
			map[string]any{"name": "created", "type": "autodate", "onCreate": true},
		},
	}))
	author = fmt.Sprint(s.post(t, "/api/collections/authors/records", map[string]any{"name": "Ada Writer"})["id"])
	books = map[string]string{}
	for _, book := range []map[string]any{
		{"title": "Algebra", "year": 1843, "author": author, "subjects": []any{"mathematics", "engines"}},
		{"title": "Botany", "year": 1900, "subjects": []any{}},
		{"title": "Chemistry", "year": 1920, "author": author, "subjects": []any{"science"}},
	} {
		books[fmt.Sprint(book["title"])] = fmt.Sprint(s.post(t, "/api/collections/books/records", book)["id"])
	}
	return books, author
}

func with(base, more map[string]any) map[string]any {
	merged := maps.Clone(base)
	maps.Copy(merged, more)
	return merged
}
