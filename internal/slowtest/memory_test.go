//go:build slow

package slowtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// heavy is a project whose responses keep about 1 % of answers of 1 MB.
const heavy = `
-- sheaf.yaml --
contract: proto
bindings: bindings
server: {max_timeout: 120s}
upstreams:
  documents: {base_url: "${env.DOCUMENTS_URL}", network: private, timeout: 100s%s}
-- proto/heavy/v1/heavy.proto --
syntax = "proto3";
package heavy.v1;
service HeavyService {
  rpc GetPart(GetPartRequest) returns (GetPartResponse);
  rpc ListNames(ListNamesRequest) returns (ListNamesResponse);
}
message GetPartRequest { string id = 1; }
message GetPartResponse { repeated string notes = 1; }
message ListNamesRequest { string id = 1; }
message ListNamesResponse { repeated Item items = 1; }
message Item {
  string name = 1;
  int32 count = 2;
}
-- bindings/heavy.yaml --
service: heavy.v1.HeavyService
rpcs:
  GetPart:
    timeout: 110s
    calls:
      document: {get: "documents:/parts/${request.id}"}
    response: {notes: document.part.notes}
  ListNames:
    timeout: 110s
    calls:
      document: {get: "documents:/lists/${request.id}"}
    response:
      items:
        $each: item in document.items
        name: item.name
        count: item.count
`

// TestMemory calls with 1,000 clients at once for answers of 1 MB, which the upstream begins to give all at the same moment, several times
// over, and looks at the most memory that the process ever took. A machine that is busy collects garbage late, so the bounds are wide.
func TestMemory(t *testing.T) {
	const clients, rounds = 1000, 3
	binary := buildSheaf(t)
	for _, of := range []struct {
		name, settings string
		// answered is how many calls are, of which so many wait for their turn; the others are refused.
		answered, waiting int
		most              int // bytes
	}{
		{"by default", "", 200, 100, 400 << 20},
		{"all in flight", ", max_connections: 1000", clients, 0, 600 << 20},
	} {
		for _, rpc := range []string{"GetPart", "ListNames"} {
			for _, framing := range []string{"declared", "chunked"} {
				t.Run(of.name+"/"+rpc+"/"+framing, func(t *testing.T) {
					upstream := startDocuments(t, framing)
					server, address := startHeavy(t, binary, of.settings, upstream.url)
					crowd := &crowd{url: "http://" + address + "/heavy.v1.HeavyService/" + rpc, upstream: upstream}
					before := peakMemory(t, server)
					for range rounds {
						upstream.hold(clients - of.waiting)
						if answered := crowd.call(t, clients); answered != of.answered {
							t.Errorf("%d answered, want %d of %d", answered, of.answered, clients)
						}
					}
					peak := peakMemory(t, server)
					t.Logf("took at most %d MB, and %d MB before any call", peak>>20, before>>20)
					if peak > of.most {
						t.Errorf("took %d MB, want at most %d", peak>>20, of.most>>20)
					}
				})
			}
		}
	}
}

// documents is the upstream. It answers nobody before all are there.
type documents struct {
	url string

	mu      sync.Mutex
	missing int
	arrived chan struct{}
}

func startDocuments(t *testing.T, framing string) *documents {
	t.Helper()
	d := &documents{}
	routes := http.NewServeMux()
	part, list := partDocument(), listDocument()
	answer := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-d.count():
			case <-r.Context().Done():
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if framing == "declared" {
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			}
			_, _ = w.Write(body)
		}
	}
	routes.HandleFunc("GET /parts/{id}", answer(part))
	routes.HandleFunc("GET /lists/{id}", answer(list))
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// hold makes the next requests wait until so many have been counted.
func (d *documents) hold(requests int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.missing, d.arrived = requests, make(chan struct{})
}

// count counts a request, or one that will not come, and returns what is closed when all have been.
func (d *documents) count() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.missing--; d.missing == 0 {
		close(d.arrived)
	}
	return d.arrived
}

const megabyte = 1_000_000

// partDocument has 1 % in one object.
func partDocument() []byte {
	note := `"` + strings.Repeat("n", 98) + `",`
	part := `{"part": {"notes": [` + strings.TrimSuffix(strings.Repeat(note, 100), ",") + `]}, "rest": [`
	row := `{"id": 12345, "kind": "something", "tags": ["a", "b", "c"], "text": "` + strings.Repeat("x", 100) + `"},`
	return []byte(part + strings.TrimSuffix(strings.Repeat(row, (megabyte-len(part))/len(row)), ",") + `]}`)
}

// listDocument has 1 % in two fields of each of its elements.
func listDocument() []byte {
	var items []string
	for i := range 1000 {
		item := fmt.Sprintf(`{"name": "n%d", "count": %d, "texts": ["%s"], "more": {"a": [1, 2, 3], "b": null}}`, i, i, strings.Repeat("x", 920))
		items = append(items, item)
	}
	return []byte(`{"items": [` + strings.Join(items, ",") + `]}`)
}

func startHeavy(t *testing.T, binary, settings, upstream string) (server *exec.Cmd, address string) {
	t.Helper()
	server = exec.Command(binary, "serve", plantest.Write(t, fmt.Sprintf(heavy, settings)), "--listen", "127.0.0.1:0")
	server.Env = append(os.Environ(), "DOCUMENTS_URL="+upstream)
	logs, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return server, servingAddress(t, logs)
}

// crowd calls all at once.
type crowd struct {
	url      string
	upstream *documents
}

// call makes the calls, of which all are answered or refused, and returns how many are answered.
func (c *crowd) call(t *testing.T, clients int) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	var answered atomic.Int64
	for range clients {
		group.Go(func() {
			status, body := c.once(t, client)
			switch {
			case status == http.StatusOK && len(body) > megabyte/200:
				answered.Add(1)
			case status == http.StatusServiceUnavailable && bytes.Contains(body, []byte("unavailable")):
				c.upstream.count() // it will not come
			default:
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
	group.Wait()
	return int(answered.Load())
}

func (c *crowd) once(t *testing.T, client *http.Client) (status int, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(`{"id": "7"}`))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Error(err)
	}
	return response.StatusCode, body
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory is the most that a process has had in memory at once, in bytes.
func peakMemory(t *testing.T, process *exec.Cmd) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Process.Pid))
	if err != nil {
		t.Skipf("this system does not tell what a process takes: %v", err)
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		t.Skip("this system does not tell the most that a process has taken")
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
