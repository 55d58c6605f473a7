//go:build slow

package slowtest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// crowded is a project whose RPC makes three calls, so that it costs 3, and that lets in four of them.
const crowded = `
-- sheaf.yaml --
contract: proto
bindings: bindings
server: {max_work: 12}
upstreams:
  slow: {base_url: "${env.SLOW_URL}", network: private, timeout: 20s, max_connections: 512}
-- proto/crowd/v1/crowd.proto --
syntax = "proto3";
package crowd.v1;
service CrowdService {
  rpc Get(GetRequest) returns (GetResponse);
}
message GetRequest {
  string id = 1;
}
message GetResponse {
  string a = 1;
  string b = 2;
  string c = 3;
}
-- bindings/crowd.yaml --
service: crowd.v1.CrowdService
rpcs:
  Get:
    calls:
      a: {get: "slow:/a/${request.id}"}
      b: {get: "slow:/b/${request.id}"}
      c: {get: "slow:/c/${request.id}"}
    response: {a: a.name, b: b.name, c: c.name}
`

// TestOverload offers a process twice what it can take. Who is let in gets an answer, who is not is told at once and in the same
// words, and how many are answered, and how fast, is logged beside the figures without overload.
func TestOverload(t *testing.T) {
	address := startCrowded(t)
	load := &load{url: "http://" + address + "/crowd.v1.CrowdService/Get", client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096}}}
	load.atOnce(t, 4, time.Second) // connections and code are warm
	const rounds, phase = 3, 2 * time.Second
	for round := range rounds {
		alone := load.atOnce(t, 1, phase)
		peak := load.atOnce(t, 4, phase)
		over := load.atRate(t, 2*peak.perSecond(), phase)
		if alone.refused+peak.refused > 0 || over.refused == 0 || over.answered == 0 {
			t.Errorf("refused: %d alone, %d at the peak, %d of %d under overload", alone.refused, peak.refused, over.refused, over.refused+over.answered)
		}
		t.Logf("round %d: alone p99 %s; peak %.0f/s, p99 %s; offered %.0f/s: %.0f/s answered (%.2f of the peak), p99 %s (%.2f of the peak's), %d refused",
			round, alone.p99(), peak.perSecond(), peak.p99(), 2*peak.perSecond(), over.perSecond(), over.perSecond()/peak.perSecond(),
			over.p99(), float64(over.p99())/float64(peak.p99()), over.refused)
	}
}

// startCrowded serves the project on one core, in front of a service that takes 5 ms, and returns the address.
func startCrowded(t *testing.T) string {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"name": "one"}`)
	}))
	t.Cleanup(upstream.Close)
	binary := filepath.Join(t.TempDir(), "sheaf")
	runCommand(t, nil, "go", "build", "-o", binary, "../../cmd/sheaf")
	server := exec.Command(binary, "serve", plantest.Write(t, crowded), "--listen", "127.0.0.1:0")
	server.Env = append(os.Environ(), "GOMAXPROCS=1", "SLOW_URL="+upstream.URL)
	logs, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return servingAddress(t, logs)
}

var serving = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

// servingAddress reads it from the logs, the rest of which go to the test's own.
func servingAddress(t *testing.T, logs io.Reader) string {
	t.Helper()
	var read bytes.Buffer
	for chunk := make([]byte, 1<<10); ; {
		n, err := logs.Read(chunk)
		read.Write(chunk[:n])
		if found := serving.FindSubmatch(read.Bytes()); found != nil {
			go func() { _, _ = io.Copy(os.Stderr, logs) }()
			return string(found[1])
		}
		if err != nil {
			t.Fatalf("sheaf ended: %s", read.Bytes())
		}
	}
}

// load calls one RPC.
type load struct {
	url    string
	client *http.Client
}

// outcome is what became of calls in a time.
type outcome struct {
	mu                sync.Mutex
	took              time.Duration
	answered, refused int
	latencies         []time.Duration
}

func (o *outcome) perSecond() float64 { return float64(o.answered) / o.took.Seconds() }

// p99 is that of the calls that were answered.
func (o *outcome) p99() time.Duration {
	slices.Sort(o.latencies)
	return o.latencies[len(o.latencies)*99/100].Round(100 * time.Microsecond)
}

// atOnce calls with so many at once, each after the one before.
func (l *load) atOnce(t *testing.T, clients int, phase time.Duration) *outcome {
	t.Helper()
	result := &outcome{}
	started := time.Now()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for time.Since(started) < phase {
				l.call(t, result)
			}
		})
	}
	group.Wait()
	result.took = time.Since(started)
	return result
}

// atRate calls so often, whatever becomes of the calls.
func (l *load) atRate(t *testing.T, perSecond float64, phase time.Duration) *outcome {
	t.Helper()
	result := &outcome{}
	started := time.Now()
	var group sync.WaitGroup
	for sent := 0; time.Since(started) < phase; {
		for due := int(time.Since(started).Seconds() * perSecond); sent < due; sent++ {
			group.Go(func() { l.call(t, result) })
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	result.took = time.Since(started)
	group.Wait()
	return result
}

func (l *load) call(t *testing.T, result *outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader([]byte(`{"id": "7"}`)))
	if err != nil {
		t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	started := time.Now()
	response, err := l.client.Do(request)
	if err != nil {
		t.Error(err)
		return
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	latency := time.Since(started)
	result.mu.Lock()
	defer result.mu.Unlock()
	switch {
	case err == nil && response.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"c":"one"`)):
		result.answered++
		result.latencies = append(result.latencies, latency)
	case err == nil && response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "" && bytes.Contains(body, []byte("resource_exhausted")):
		result.refused++
	default:
		t.Errorf("status %d, body %s, error %v", response.StatusCode, body, err)
	}
}
