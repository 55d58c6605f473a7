//go:build slow

package slowtest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// redisServer is a Redis of a test's own, which can be killed and started again where it was.
type redisServer struct {
	address string
	dir     string
	more    []string
	process *exec.Cmd
}

// startRedis starts a Redis with these further settings, until the test ends.
func startRedis(t *testing.T, settings ...string) *redisServer {
	t.Helper()
	server := &redisServer{address: busAddress(t), dir: t.TempDir(), more: settings}
	server.start(t)
	t.Cleanup(func() { server.kill(t) })
	return server
}

// busAddress is a free one that leaves room for the bus of a cluster, whose port is 10000 higher.
func busAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := freeAddress(t)
		if _, port, _ := net.SplitHostPort(address); len(port) < 5 || port < "55536" {
			return address
		}
	}
	t.Fatal("no free port below 55536")
	return ""
}

func (s *redisServer) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	args := append([]string{"--bind", "127.0.0.1", "--port", s.port(), "--save", "", "--appendonly", "no", "--dir", s.dir, "--loglevel", "warning"}, s.more...)
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		t.Fatalf("start redis-server: %v; install it with apt-get install redis-server redis-tools", err)
	}
	awaitListener(t, s.address)
}

// kill kills the server, if it runs.
func (s *redisServer) kill(t *testing.T) {
	t.Helper()
	if s.process.ProcessState == nil {
		s.signal(t, syscall.SIGKILL)
		_ = s.process.Wait()
	}
}

func (s *redisServer) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) cli(t *testing.T, args ...string) string {
	t.Helper()
	return runCommand(t, nil, "redis-cli", append([]string{"-p", s.port()}, args...)...)
}

// dump is what the server writes to disk of all that it holds.
func (s *redisServer) dump(t *testing.T) string {
	t.Helper()
	s.cli(t, "SAVE")
	content, err := os.ReadFile(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// startCluster starts a cluster of three nodes, of which each goes on with its own part if another is away.
func startCluster(t *testing.T) []*redisServer {
	t.Helper()
	args := []string{"--cluster", "create"}
	nodes := make([]*redisServer, 3)
	for i := range nodes {
		nodes[i] = startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
		args = append(args, nodes[i].address)
	}
	runCommand(t, nil, "redis-cli", append(args, "--cluster-yes")...)
	for _, node := range nodes {
		soon(t, func() bool {
			info := node.cli(t, "cluster", "info")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384")
		})
	}
	return nodes
}

// startSentinel starts a Sentinel over a master, and returns its address.
func startSentinel(t *testing.T, master *redisServer) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %s 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
		port, dir, master.port())
	path := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command("redis-server", path, "--sentinel")
	if err := process.Start(); err != nil {
		t.Fatalf("start Sentinel: %v; install it with apt-get install redis-server redis-tools", err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	awaitListener(t, address)
	return address
}

// soon waits until something holds.
func soon(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it never happened")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
