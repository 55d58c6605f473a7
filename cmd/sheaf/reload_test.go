package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// served is sheaf serve under way, on a copy of the storefront.
type served struct {
	dir, url string
	lines    chan string // what it logs
}

func serveShop(t *testing.T, hangups func() (<-chan os.Signal, func()), flags ...string) *served {
	t.Helper()
	upstreams, err := pretend.NewShop().Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstreams.Close() })
	s := serveProject(t, plantest.Patient(t, storefront.Files()), process{lookupEnv: upstreams.LookupEnv, hangups: hangups}, flags...)
	s.url = s.awaitURL(t, "serving")
	return s
}

// serveProject begins to serve the project in a directory.
func serveProject(t *testing.T, dir string, p process, flags ...string) *served {
	t.Helper()
	s := &served{dir: dir, lines: make(chan string, 1000)}
	reader, writer := io.Pipe()
	p.stdout, p.stderr = io.Discard, writer
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", s.dir, "--listen", "127.0.0.1:0"}, flags...), p)
		_ = writer.Close()
	}()
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range s.lines { // until it has ended
		}
		if status := <-done; status != statusOK {
			t.Errorf("status = %d", status)
		}
	})
	return s
}

// awaitURL is where something is served, once it says so.
func (s *served) awaitURL(t *testing.T, message string) string {
	t.Helper()
	line := s.await(t, `"msg":"`+message+`"`)
	_, rest, _ := strings.Cut(line, `"address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	return "http://" + address
}

// await is the next line with a text.
func (s *served) await(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				t.Fatalf("it ended before it logged %s", text)
			}
		case <-deadline:
			t.Fatalf("it has not logged %s", text)
		}
	}
}

// title is that of a product.
func (s *served) title(t *testing.T) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Post(s.url+"/shop.v1.StorefrontService/GetProduct", "application/json", strings.NewReader(`{"productId": "p-100"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), `"title":"`)
	title, _, _ := strings.Cut(rest, `"`)
	return title
}

// change replaces a text in the binding, as editors do that write by renaming.
func (s *served) change(t *testing.T, from, to string) {
	t.Helper()
	name := filepath.Join(s.dir, "bindings", "storefront.yaml")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), from, to, 1)
	if changed == string(content) {
		t.Fatalf("%s does not hold %q", name, from)
	}
	if err := os.WriteFile(name+"~", []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+"~", name); err != nil {
		t.Fatal(err)
	}
}

const (
	asItWas = "title: product.display_name"
	changed = "title: product.sku"
	wrong   = "titel: product.sku"
)

// TestHangup reloads at SIGHUP; wrong files change nothing, and are told as check tells them.
func TestHangup(t *testing.T) {
	t.Parallel()
	guard := make(chan os.Signal, 1) // a signal too much must not end the tests
	signal.Notify(guard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(guard) })
	s := serveShop(t, hangups)
	hangUp := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	before := s.title(t)
	s.change(t, asItWas, wrong)
	hangUp()
	if line := s.await(t, "reload failed"); !strings.Contains(line, `did you mean \"title\"?`) || !strings.Contains(line, `bindings/storefront.yaml:`) {
		t.Errorf("line = %s", line)
	}
	if got := s.title(t); got != before || got == "" {
		t.Errorf("title after a wrong reload = %q, want %q", got, before)
	}
	s.change(t, wrong, changed)
	hangUp()
	s.await(t, `"msg":"reloaded"`)
	if got := s.title(t); got == before || got == "" {
		t.Errorf("title after a reload = %q", got)
	}
}

// TestWatch reloads when a file changes, and once for each change.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := serveShop(t, nil, "--watch")
	before := s.title(t)
	s.change(t, asItWas, wrong)
	s.await(t, "reload failed")
	s.change(t, wrong, changed)
	s.await(t, `"msg":"reloaded"`)
	if got := s.title(t); got == before || got == "" {
		t.Errorf("title after a reload = %q", got)
	}
}

// TestAdminAddressTaken: an admin API that cannot listen ends serve.
func TestAdminAddressTaken(t *testing.T) {
	t.Parallel()
	dir := plantest.Patient(t, storefront.Files())
	config := filepath.Join(dir, "sheaf.yaml")
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, "\nadmin: {listen: 192.0.2.1:1, token: {env: ADMIN_TOKEN}}\n"...)
	if err := os.WriteFile(config, content, 0o600); err != nil {
		t.Fatal(err)
	}
	lookup := func(string) (string, bool) { return "http://127.0.0.1:1", true }
	if status, _, stderr := sheaf(t, lookup, "serve", dir, "--listen", "127.0.0.1:0"); status != statusOurs || !strings.Contains(stderr, "admin: listen") {
		t.Errorf("status = %d, stderr = %s", status, stderr)
	}
}
