//go:build slow

package slowtest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// boundaries are the steps of one run of an RPC, as they are seen from outside: each request to an upstream and each operation in Redis,
// before it is carried out and before its answer goes back. One of them can be held.
type boundaries struct {
	hold int // the number of the step; -1 for none
	// reached is closed at that step, which waits until resume is closed. What was lost is not carried out.
	reached, resume chan struct{}
	lost            bool

	mu    sync.Mutex
	names []string
}

func newBoundaries(hold int) *boundaries {
	return &boundaries{hold: hold, reached: make(chan struct{}), resume: make(chan struct{})}
}

// at is called at a step. It reports whether the run goes on from there.
func (b *boundaries) at(name string) bool {
	b.mu.Lock()
	number := len(b.names)
	b.names = append(b.names, name)
	b.mu.Unlock()
	if number != b.hold {
		return true
	}
	close(b.reached)
	<-b.resume
	return !b.lost
}

func (b *boundaries) steps() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.names...)
}

// await waits until the step is reached.
func (b *boundaries) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-b.reached:
	case <-ctx.Done():
		t.Fatalf("step %d was not reached; there were %q", b.hold, b.steps())
	}
}

// redisProxy is between a replica and Redis. Each operation on what it knows is a step before it is forwarded, and after.
type redisProxy struct {
	*boundaries
	address, redis string
	// scripts are the names of scripts by their hashes.
	scripts *scripts
}

// scripts are the names of scripts, in the order in which they are met first.
type scripts struct {
	mu    sync.Mutex
	names map[string]string
}

var scriptNames = []string{"reserve", "mark", "finish"}

func (s *scripts) name(hash string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names[hash] == "" {
		s.names[hash] = fmt.Sprint("script ", len(s.names))
		if len(s.names) <= len(scriptNames) {
			s.names[hash] = scriptNames[len(s.names)-1]
		}
	}
	return s.names[hash]
}

func startRedisProxy(t *testing.T, steps *boundaries, redis string, scripts *scripts) *redisProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &redisProxy{boundaries: steps, address: listener.Addr().String(), redis: redis, scripts: scripts}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { proxy.serve(client) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return proxy
}

// serve forwards the commands of one connection, one by one.
func (p *redisProxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.redis)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for commands, replies := bufio.NewReader(client), bufio.NewReader(server); ; {
		command, err := readRESP(commands)
		if err != nil {
			return
		}
		name := p.nameOf(command)
		if name != "" && !p.at(name+", before Redis has it") {
			return
		}
		if _, err := server.Write(command); err != nil {
			return
		}
		reply, err := readRESP(replies)
		if err != nil || name != "" && !p.at(name+", before its answer is back") {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

// nameOf is the name of an operation on a record of an idempotency key; empty for anything else.
func (p *redisProxy) nameOf(command []byte) string {
	lines := strings.Split(string(command), "\r\n")
	const hash = 4 // EVALSHA and a hash, each behind its length
	if len(lines) <= hash || !strings.EqualFold(lines[2], "evalsha") || !bytes.Contains(command, []byte(":idempotency:")) {
		return ""
	}
	return p.scripts.name(lines[hash])
}

// readRESP reads one command or reply of Redis, version 2 of its protocol.
func readRESP(from *bufio.Reader) ([]byte, error) {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	count, _ := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	switch {
	case line[0] == '*':
		for range max(count, 0) {
			element, err := readRESP(from)
			if err != nil {
				return nil, err
			}
			line = append(line, element...)
		}
		return line, nil
	case line[0] == '$' && count >= 0:
		text := make([]byte, count+len("\r\n"))
		if _, err := io.ReadFull(from, text); err != nil {
			return nil, err
		}
		return append(line, text...), nil
	case strings.IndexByte("+-:$", line[0]) >= 0:
		return line, nil
	default:
		return nil, errors.New("no RESP")
	}
}
