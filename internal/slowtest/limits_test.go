//go:build slow

package slowtest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// counted is a project whose RPC calls nothing, so that what it costs is the limit.
const counted = `
-- sheaf.yaml --
contract: proto
bindings: bindings
redis: {addresses: ["%s"], timeout: %s}
policy:
  limits:
    all: {rate: %d/s, burst: %d, store: redis, when_away: %s}
-- proto/count/v1/count.proto --
syntax = "proto3";
package count.v1;
service CountService {
  rpc Get(GetRequest) returns (GetResponse);
}
message GetRequest {
  string id = 1;
}
message GetResponse {
  string id = 1;
}
-- bindings/count.yaml --
service: count.v1.CountService
rpcs:
  Get:
    response: {id: request.id}
`

// fleet are replicas, each a process, that share a limit in one Redis.
type fleet struct {
	redis    *redisServer
	clock    *redis.Client
	replicas []*counterReplica
}

// counterReplica is a process of its own.
type counterReplica struct {
	address string
	command *exec.Cmd
	logs    *lines
	ended   chan struct{}
}

// patientTimeout is one that a Redis that runs keeps to, however busy the machine is: one that is killed refuses at once.
const patientTimeout = "10s"

func startFleet(t *testing.T, rate, burst int, whenAway, timeout string) *fleet {
	t.Helper()
	f := &fleet{redis: startRedis(t)}
	f.clock = redis.NewClient(&redis.Options{Addr: f.redis.address, DisableIdentity: true})
	t.Cleanup(func() { _ = f.clock.Close() })
	binary := buildSheaf(t)
	dir := plantest.Write(t, fmt.Sprintf(counted, f.redis.address, timeout, rate, burst, whenAway))
	for range 4 {
		one := &counterReplica{address: freeAddress(t), logs: &lines{}, ended: make(chan struct{})}
		one.command = exec.Command(binary, "serve", dir, "--listen", one.address)
		one.command.Stderr = one.logs
		if err := one.command.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { defer close(one.ended); _ = one.command.Wait() }()
		t.Cleanup(func() { _ = one.command.Process.Kill(); <-one.ended })
		awaitListener(t, one.address)
		f.replicas = append(f.replicas, one)
	}
	return f
}

// answers are how many calls were answered with each status, and how long the slowest burst took.
type answers struct {
	statuses map[int]int
	slowest  time.Duration
}

func (a *answers) total() int {
	total := 0
	for _, count := range a.statuses {
		total += count
	}
	return total
}

// burstSize is how many calls a client sends at once. They are in one write, so that they cost it little.
const burstSize = 25

// bursts sends bursts to every replica for a time: two clients to each, a burst in each of so many milliseconds.
func (f *fleet) bursts(t *testing.T, phase, each time.Duration) *answers {
	t.Helper()
	sum := &answers{statuses: map[int]int{}}
	var mu sync.Mutex
	var clients sync.WaitGroup
	until := time.Now().Add(phase)
	for _, one := range f.replicas {
		for range 2 {
			clients.Go(func() {
				got, err := burstsTo(one.address, until, each)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v\n%s", one.address, err, one.logs)
				}
				for status, count := range got.statuses {
					sum.statuses[status] += count
				}
				sum.slowest = max(sum.slowest, got.slowest)
			})
		}
	}
	clients.Wait()
	return sum
}

func burstsTo(address string, until time.Time, each time.Duration) (*answers, error) {
	sum := &answers{statuses: map[int]int{}}
	connection, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return sum, err
	}
	defer connection.Close()
	const body = `{"id":"1"}`
	request := fmt.Sprintf("POST /count.v1.CountService/Get HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	burst, reader := bytes.Repeat([]byte(request), burstSize), bufio.NewReader(connection)
	for next := time.Now(); time.Now().Before(until); next = next.Add(each) {
		time.Sleep(time.Until(next))
		started := time.Now()
		if _, err := connection.Write(burst); err != nil {
			return sum, err
		}
		for range burstSize {
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				return sum, err
			}
			_, _ = io.Copy(io.Discard, response.Body)
			sum.statuses[response.StatusCode]++
		}
		sum.slowest = max(sum.slowest, time.Since(started))
	}
	return sum, nil
}

func (f *fleet) now(t *testing.T) time.Time {
	t.Helper()
	now, err := f.clock.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// shared sends bursts, and says how many calls were admitted for each that the limit allows in the time by Redis's clock. More than the burst and what comes in
// that time is a failure.
func (f *fleet) shared(t *testing.T, phase, each time.Duration, rate, burst int) (*answers, float64) {
	t.Helper()
	from := f.now(t)
	got := f.bursts(t, phase, each)
	took := f.now(t).Sub(from)
	allowed := float64(rate) * took.Seconds()
	admitted := float64(got.statuses[http.StatusOK])
	t.Logf("%.2f s by Redis's clock: offered %d (%.2f of what is allowed), admitted %.0f, allowed %.0f and a burst of %d: %.4f",
		took.Seconds(), got.total(), float64(got.total())/allowed, admitted, allowed, burst, admitted/allowed)
	if admitted > allowed+float64(burst) {
		t.Errorf("admitted %.0f, more than %.0f and a burst of %d", admitted, allowed, burst)
	}
	if got.total() != got.statuses[http.StatusOK]+got.statuses[http.StatusTooManyRequests] {
		t.Errorf("answers = %v", got.statuses)
	}
	return got, admitted / allowed
}

// TestSharedLimit: four replicas and one Redis admit 1000 calls a second, within 1 %, under bursts of two to three times as many. The bucket that a burst of 200
// is lasts over the time between two bursts, and over 20 s it is 1 % of what is allowed.
func TestSharedLimit(t *testing.T) {
	noLeak(t)
	const rate, burst = 1000, 200
	f := startFleet(t, rate, burst, "deny", patientTimeout)
	f.bursts(t, time.Second, 80*time.Millisecond) // connections and code are warm
	got, share := f.shared(t, 20*time.Second, 80*time.Millisecond, rate, burst)
	if offered := float64(got.total()) / (rate * 20); offered < 2 {
		t.Errorf("no more than %.2f of what is allowed was offered", offered)
	}
	if share < 0.99 || share > 1.01 {
		t.Errorf("%.4f of what is allowed was admitted", share)
	}
}

// TestSharedLimitAway: Redis is killed under load. Each replica does what the limit says, and shares again when Redis is back; none starts again, and
// nobody waits for a Redis that hangs for longer than its timeout, but for those calls that find out.
func TestSharedLimitAway(t *testing.T) {
	const rate, burst, each = 100, 50, 250 * time.Millisecond // 800 are offered each second, 200 to each replica
	for _, whenAway := range []string{"memory", "allow", "deny"} {
		t.Run(whenAway, func(t *testing.T) {
			noLeak(t)
			f := startFleet(t, rate, burst, whenAway, patientTimeout)
			f.bursts(t, time.Second, each)
			f.shared(t, 4*time.Second, each, rate, burst)

			killed := make(chan *answers)
			go func() { killed <- f.bursts(t, 2*time.Second, each) }()
			time.Sleep(time.Second)
			f.redis.kill(t)
			during := <-killed
			t.Logf("while it is killed: %v, the slowest burst took %s", during.statuses, during.slowest)

			started := time.Now()
			away := f.bursts(t, 4*time.Second, each)
			took := time.Since(started).Seconds()
			t.Logf("without Redis, in %.2f s: %v, the slowest burst took %s", took, away.statuses, away.slowest)
			checkAway(t, whenAway, away, rate*took, burst)

			f.redis.start(t)
			soon(t, func() bool {
				for _, one := range f.replicas {
					if strings.Count(one.logs.String(), "redis is back") == 0 {
						f.bursts(t, 100*time.Millisecond, each)
						return false
					}
				}
				return true
			})
			if _, share := f.shared(t, 4*time.Second, each, rate, burst); share < 0.95 {
				t.Errorf("with Redis back, no more than %.4f of what is allowed is admitted", share)
			}
			for _, one := range f.replicas {
				select {
				case <-one.ended:
					t.Errorf("%s has ended", one.address)
				default:
				}
				if text := one.logs.String(); strings.Count(text, "redis is away") != 1 || strings.Count(text, "redis is back") != 1 {
					t.Errorf("logged %s", text)
				}
			}
		})
	}
}

// checkAway judges what four replicas did without Redis while a limit allows so many in memory.
func checkAway(t *testing.T, whenAway string, got *answers, allowed, burst float64) {
	t.Helper()
	admitted := got.statuses[http.StatusOK]
	switch whenAway {
	case "memory":
		if each := float64(admitted) / 4; each > allowed+burst || each < allowed*0.95 {
			t.Errorf("%.0f admitted by each replica that counts by itself, %.0f and a burst of %.0f may be", each, allowed, burst)
		}
	case "allow":
		if admitted != got.total() {
			t.Errorf("not all are admitted: %v", got.statuses)
		}
	case "deny":
		if got.statuses[http.StatusServiceUnavailable] != got.total() {
			t.Errorf("not all are refused: %v", got.statuses)
		}
	}
}

// TestSharedLimitHangs: one Redis that hangs costs three calls of each replica its timeout, and one in a second after that.
func TestSharedLimitHangs(t *testing.T) {
	noLeak(t)
	f := startFleet(t, 100, 10, "allow", "100ms")
	f.bursts(t, time.Second, 250*time.Millisecond)
	f.redis.signal(t, syscall.SIGSTOP)
	got := f.bursts(t, 5*time.Second, 250*time.Millisecond)
	f.redis.signal(t, syscall.SIGCONT)
	t.Logf("answers %v; the slowest burst of %d took %s, where one timeout is 100 ms", got.statuses, burstSize, got.slowest)
	if got.statuses[http.StatusOK] != got.total() || got.slowest > burstSize*100*time.Millisecond/2 {
		t.Errorf("answers %v, the slowest burst took %s", got.statuses, got.slowest)
	}
}

// TestLimitInCluster: counters on several nodes are all taken, or none; those of a node that is away are an error.
func TestLimitInCluster(t *testing.T) {
	noLeak(t)
	nodes := startCluster(t)
	opened, err := store.OpenRedis(store.RedisConfig{Addresses: []string{nodes[0].address}, Cluster: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	counters := opened.Counters()
	wide, narrow := store.NewQuota("wide", 1000, store.Month), store.NewRate("narrow", 1, time.Hour, 2)
	const keys = 30
	for i := range keys {
		for try := range 5 {
			takes := []store.Take{{Bound: wide, Key: "all", Cost: 1}, {Bound: narrow, Key: strconv.Itoa(i), Cost: 1}, {Bound: wide, Key: strconv.Itoa(i), Cost: 1}}
			took, err := counters.Take(t.Context(), takes)
			if err != nil || took != (try < 2) || takes[0].Remaining != int64(1000-2*i-min(try+1, 2)) {
				t.Fatalf("%d, %d: took = %v of %+v, error %v", i, try, took, takes, err)
			}
		}
	}
	for _, node := range nodes {
		t.Logf("node %s keeps %s counters", node.address, strings.TrimSpace(node.cli(t, "dbsize")))
	}
	nodes[1].kill(t)
	failed := 0
	for i := range keys {
		if _, err := counters.Take(t.Context(), []store.Take{{Bound: wide, Key: strconv.Itoa(i), Cost: 1}}); err != nil {
			failed++
		}
	}
	t.Logf("with one of three nodes killed, %d of %d counters are away", failed, keys)
	if failed == 0 || failed > keys/2+5 {
		t.Errorf("with one node killed, %d of %d counters are away", failed, keys)
	}
}
