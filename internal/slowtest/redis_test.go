//go:build slow

package slowtest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// noLeak fails the test if it leaves goroutines behind when all that it started has been stopped.
func noLeak(t *testing.T) {
	t.Helper()
	logging.Disable()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
}

// TestSharedCache: replicas share a cache; without Redis each call goes to the upstream, and nobody else notices.
func TestSharedCache(t *testing.T) {
	noLeak(t)
	const asked = 100
	redis, upstream := startRedis(t), startNotes(t)
	dir := writeNotes(t, upstream, "redis: {addresses: [\""+redis.address+"\"]}\naccounts: {file: accounts.yaml}\n")
	one, two := startReplica(t, dir), startReplica(t, dir)
	check := func(what string, got, want int) {
		t.Helper()
		t.Logf("%s: %d of %d calls reached the upstream", what, got, asked)
		if got != want {
			t.Errorf("%s: %d calls reached the upstream, want %d", what, got, want)
		}
	}
	check("the first replica", one.askNotes(t, upstream, 0, asked), asked)
	check("the second replica", two.askNotes(t, upstream, 0, asked), 0)

	// One that hangs is worse than one that is gone: each operation that is tried takes its whole timeout, 100 ms.
	redis.signal(t, syscall.SIGSTOP)
	started := time.Now()
	check("while Redis hangs", two.askNotes(t, upstream, 0, asked), asked)
	took := time.Since(started)
	t.Logf("%d calls with two operations each took %s; had each operation been tried, %s", asked, took, 2*asked*100*time.Millisecond)
	if took > asked*100*time.Millisecond {
		t.Errorf("calls wait for a Redis that hangs: %s", took)
	}
	redis.signal(t, syscall.SIGCONT)
	soon(t, func() bool { return two.askNotes(t, upstream, 0, 1) == 0 })

	redis.kill(t)
	check("without Redis", two.askNotes(t, upstream, 0, asked), asked)
	redis.start(t)
	soon(t, func() bool { return two.askNotes(t, upstream, asked, asked+1) == 0 })
	soon(t, func() bool { return one.askNotes(t, upstream, asked, asked+1) == 0 })
	check("the second replica, with Redis back and empty", two.askNotes(t, upstream, 0, asked), asked)
	check("the first replica, after that", one.askNotes(t, upstream, 0, asked), 0)
	if text := two.logs.String(); strings.Count(text, "redis is away") != 2 || strings.Count(text, "redis is back") != 2 {
		t.Errorf("logged:\n%s", text)
	}
}

// TestSharedCacheCluster: likewise, with a cluster of which one node goes away and comes back. One address is enough to find it.
func TestSharedCacheCluster(t *testing.T) {
	noLeak(t)
	const asked = 150
	nodes, upstream := startCluster(t), startNotes(t)
	dir := writeNotes(t, upstream, "redis: {addresses: [\""+nodes[0].address+"\"], cluster: true}\naccounts: {file: accounts.yaml}\n")
	one, two := startReplica(t, dir), startReplica(t, dir)
	if got := one.askNotes(t, upstream, 0, asked); got != asked {
		t.Errorf("the first replica: %d calls reached the upstream", got)
	}
	for _, node := range nodes {
		t.Logf("node %s keeps %s keys", node.address, strings.TrimSpace(node.cli(t, "dbsize")))
	}
	if got := two.askNotes(t, upstream, 0, asked); got != 0 {
		t.Errorf("the second replica: %d calls reached the upstream", got)
	}
	nodes[1].kill(t)
	lost := two.askNotes(t, upstream, 0, asked)
	t.Logf("with one of three nodes killed, %d of %d calls reached the upstream", lost, asked)
	if lost == 0 || lost > asked/2 { // a third, about
		t.Errorf("with one node killed, %d of %d calls reached the upstream", lost, asked)
	}
	nodes[1].start(t)
	soon(t, func() bool { one.askNotes(t, upstream, 0, asked); return two.askNotes(t, upstream, 0, asked) == 0 })
}

// TestSentinel: a Redis whose master fails is found again where its Sentinel has it.
func TestSentinel(t *testing.T) {
	noLeak(t)
	master := startRedis(t)
	follower := startRedis(t, "--replicaof", "127.0.0.1", master.port())
	soon(t, func() bool { return strings.Contains(follower.cli(t, "info", "replication"), "master_link_status:up") })
	sentinel := startSentinel(t, master)
	soon(t, func() bool {
		_, port, _ := strings.Cut(sentinel, ":")
		return strings.Contains(runCommand(t, nil, "redis-cli", "-p", port, "sentinel", "replicas", "main"), follower.port())
	})
	redis, err := store.OpenRedis(store.RedisConfig{Addresses: []string{sentinel}, Master: "main"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	if err := redis.Set(t.Context(), "a", []byte("x"), time.Hour); err != nil {
		t.Fatal(err)
	}
	soon(t, func() bool { return strings.TrimSpace(follower.cli(t, "exists", "sheaf:a")) == "1" })
	master.kill(t)
	soon(t, func() bool {
		_, ok, err := redis.Get(t.Context(), "a")
		return ok && err == nil && redis.Set(t.Context(), "b", []byte("y"), time.Hour) == nil
	})
}

const renewedInRedis = "accounts: {file: accounts.yaml, renewed: {redis: true, key: {env: ACCOUNTS_KEY}}}\n"

// TestRenewedInRedis: of replicas whose token expires at the same time, one uses the refresh token, which is good for one use, and
// all go on with what it got; so does a replica that starts later, and one after Redis was away.
func TestRenewedInRedis(t *testing.T) {
	noLeak(t)
	redis, upstream := startRedis(t), startNotes(t)
	testRenewed(t, redis, upstream, "redis: {addresses: [\""+redis.address+"\"]}\n")
	dir := writeNotes(t, upstream, "redis: {addresses: [\""+redis.address+"\"]}\n"+renewedInRedis)

	one := startReplica(t, dir)
	redis.kill(t)
	one.ask(t, "GetMine", `{"account": "alice"}`)
	upstream.expire()
	if status, body := one.try(t, "GetMine", `{"account": "alice"}`); status == http.StatusOK || strings.Contains(body, "redis") {
		t.Errorf("a token was renewed without Redis: %d %s", status, body)
	}
	_, renewals, misused := upstream.counts()
	t.Logf("without Redis: calls go on until the token expires, and no refresh token is used; %d renewals, %d refused", renewals, misused)
	if misused != 0 {
		t.Errorf("%d refresh tokens were used twice", misused)
	}
}

// TestRenewedInCluster: likewise, in a cluster.
func TestRenewedInCluster(t *testing.T) {
	noLeak(t)
	nodes, upstream := startCluster(t), startNotes(t)
	testRenewed(t, nil, upstream, "redis: {addresses: [\""+nodes[0].address+"\", \""+nodes[1].address+"\"]}\n")
}

func testRenewed(t *testing.T, redis *redisServer, upstream *notes, settings string) {
	t.Helper()
	dir := writeNotes(t, upstream, settings+renewedInRedis)
	replicas := []*replica{startReplica(t, dir), startReplica(t, dir), startReplica(t, dir)}
	const rounds, callers = 5, 4
	for range rounds {
		upstream.expire()
		var all sync.WaitGroup
		for _, one := range replicas {
			for range callers {
				all.Go(func() { one.ask(t, "GetMine", `{"account": "alice"}`) })
			}
		}
		all.Wait()
	}
	_, renewals, misused := upstream.counts()
	t.Logf("%d replicas with %d callers each, whose token expired %d times: %d refresh requests, %d of them with a used token",
		len(replicas), callers, rounds, renewals+misused, misused)
	if renewals != rounds || misused != 0 {
		t.Errorf("%d renewals, %d refused", renewals, misused)
	}
	startReplica(t, dir).ask(t, "GetMine", `{"account": "alice"}`)
	if _, after, misused := upstream.counts(); after != rounds || misused != 0 {
		t.Errorf("a replica that starts later renews: %d renewals, %d refused", after, misused)
	}
	// One that was idle finds a renewed token that has expired, too.
	upstream.expire()
	replicas[0].ask(t, "GetMine", `{"account": "alice"}`)
	upstream.expire()
	replicas[1].ask(t, "GetMine", `{"account": "alice"}`)
	if _, after, misused := upstream.counts(); after != rounds+2 || misused != 0 {
		t.Errorf("a replica that was idle: %d renewals, %d refused", after, misused)
	}
	if redis != nil {
		dump := redis.dump(t)
		if strings.Contains(dump, "canary") || !strings.Contains(dump, "sheaf:account:") {
			t.Error("the dump of Redis holds a secret, or no record at all")
		}
	}
}

// TestRenewedInFile: a process that starts again goes on with what the one before renewed.
func TestRenewedInFile(t *testing.T) {
	noLeak(t)
	redis, upstream := startRedis(t), startNotes(t)
	dir := writeNotes(t, upstream, "redis: {addresses: [\""+redis.address+"\"]}\n"+
		"accounts: {file: accounts.yaml, renewed: {file: state/accounts.sealed, key: {env: ACCOUNTS_KEY}}}\n")
	for range 3 {
		upstream.expire()
		one := startReplica(t, dir)
		one.ask(t, "GetMine", `{"account": "alice"}`)
		one.stop()
	}
	startReplica(t, dir).ask(t, "GetMine", `{"account": "alice"}`)
	_, renewals, misused := upstream.counts()
	t.Logf("4 starts, 3 of them with an expired token: %d renewals, %d with a used refresh token", renewals, misused)
	if renewals != 3 || misused != 0 {
		t.Errorf("%d renewals, %d refused", renewals, misused)
	}
	content, err := os.ReadFile(filepath.Join(dir, "state", "accounts.sealed"))
	if err != nil || strings.Contains(string(content), "canary") {
		t.Errorf("the file holds a secret: %v", err)
	}
}
