package faulttest_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestCancel: when a client gives up, every connection to an upstream is released, whatever its call waits for.
func TestCancel(t *testing.T) { //nolint:paralleltest // it counts goroutines
	for name, phase := range map[string]struct {
		more string
		// failing is the upstream's behaviour, which has one connection when the clients give up.
		failing func(*peer)
		https   bool
		clients int
	}{
		"TLS handshake":    {failing: (*peer).hang, https: true, clients: 1},
		"head":             {failing: request((*peer).hang), clients: 1},
		"part of the head": {failing: textThenHang(head), clients: 1},
		"body":             {failing: textThenHang(head + "Content-Length: 1000\r\n\r\n{"), clients: 1},
		"error's body":     {failing: textThenHang("HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\n{"), clients: 1},
		"queue":            {more: ", concurrency: {max: 1, queue: 10}", failing: request((*peer).hang), clients: 5},
		"connection limit": {more: ", max_connections: 1", failing: request((*peer).hang), clients: 5},
		"shared request":   {more: ", cache: {default_age: 1m}", failing: request((*peer).hang), clients: 5},
		"back-off":         {failing: text("HTTP/1.1 503 Busy\r\nRetry-After: 15\r\nContent-Length: 0\r\n\r\n"), clients: 1},
	} {
		t.Run(name, func(t *testing.T) {
			well := start(t, nil, request((*peer).hang))
			failing := start(t, nil, phase.failing)
			url := "http://" + failing.listener.Addr().String()
			if phase.https {
				url = strings.Replace(url, "http:", "https:", 1)
			}
			server := openParts(t, phase.more, "http://"+well.listener.Addr().String(), url)
			goroutines := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan string, phase.clients)
			for range phase.clients {
				go func() { done <- post(ctx, server, "/storm.v1.Storm/Get").Body.String() }()
			}
			reaches(t, "requests to the upstream that is well", func() int { return int(well.asked.Load()) }, phase.clients)
			if phase.https {
				reaches(t, "connections of the other", func() int { return int(failing.accepted.Load()) }, 1)
			} else {
				reaches(t, "requests to the other", func() int { return int(failing.asked.Load()) }, 1)
			}
			if accepted := failing.accepted.Load(); accepted != 1 { // while the first is leaving, another may still get its turn
				t.Errorf("%d connections, want one", accepted)
			}
			started := time.Now()
			cancel()
			for range phase.clients {
				if got := <-done; !strings.Contains(got, "canceled") {
					t.Errorf("client sees %s", got)
				}
			}
			returned := time.Since(started)
			returns(t, "open connections that hang", func() int { return int(well.open.Load()) }, 0)
			if name == "back-off" {
				server.Close() // its connection is not in use, and is kept
			}
			returns(t, "open connections of the other", func() int { return int(failing.open.Load()) }, 0)
			t.Logf("clients returned after %s, connections were gone after %s", returned, time.Since(started))
			returns(t, "goroutines", runtime.NumGoroutine, goroutines)
		})
	}
}

// TestCancelHedge: both requests of a hedged call end with it.
func TestCancelHedge(t *testing.T) { //nolint:paralleltest // it counts goroutines
	well := start(t, nil, handler(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(thing)) }))
	hang := make(chan struct{})
	var hanging atomic.Int64
	failing := start(t, nil, handler(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
			hanging.Add(1)
			<-r.Context().Done()
		default:
			_, _ = w.Write([]byte(thing))
		}
	}))
	server := openParts(t, ", hedging: {percentile: 0.5}", "http://"+well.listener.Addr().String(), "http://"+failing.listener.Addr().String())
	const learning = 40
	for range learning {
		_ = post(t.Context(), server, "/storm.v1.Storm/Get")
	}
	close(hang)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = post(ctx, server, "/storm.v1.Storm/Get")
	}()
	reaches(t, "requests that hang", func() int { return int(hanging.Load()) }, 2)
	started := time.Now()
	cancel()
	<-done
	returns(t, "open connections", func() int { return int(failing.open.Load()) }, 0)
	t.Logf("both connections were gone after %s", time.Since(started))
}

// reaches waits until a number is as large as another.
func reaches(t *testing.T, what string, number func() int, least int) {
	t.Helper()
	returns(t, "missing "+what, func() int { return least - number() }, 0)
}
