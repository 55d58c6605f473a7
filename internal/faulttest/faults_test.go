package faulttest_test

import (
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite docs/faults.md")

const page = "../../docs/faults.md"

// version is one of HTTP that a row runs over.
type version struct {
	name string
	tls  *tls.Config
}

// TestFaults makes an upstream misbehave in every way of the table, and compares what clients see to the page. Each time memory,
// goroutines and connections return to where they were, and the upstream cannot make us read on. Rows run one by one, since they
// measure the process.
func TestFaults(t *testing.T) { //nolint:paralleltest // each row measures the whole process
	openProject(t, "http://127.0.0.1:1", "1s").Close() // what the process makes once is there
	lines := map[string]string{}
	var names []string
	for _, row := range rows() {
		for _, version := range versions(row) {
			t.Run(row.name+" "+version.name, func(t *testing.T) {
				line := fmt.Sprintf("| %s | %s |", row.name, run(t, row, version))
				if lines[row.name] == "" {
					names = append(names, row.name)
					lines[row.name] = line
				} else if lines[row.name] != line {
					t.Errorf("%s, and over the version before %s", line, lines[row.name])
				}
			})
		}
	}
	var table strings.Builder
	for _, name := range names {
		table.WriteString(lines[name] + "\n")
	}
	compare(t, table.String())
}

// versions are those that a row runs over, which is over each transport that upstreams have: HTTP/1.1 without TLS and with it, and
// HTTP/2, over which nothing raw can be said. A row that is about TLS, or about the way to the upstream, has one.
func versions(row row) []version {
	if row.tls != nil || row.url != nil || row.plain {
		return []version{{"HTTP/1.1", row.tls}}
	}
	all := []version{{"HTTP/1.1", nil}, {"HTTP/1.1 over TLS", speaking("http/1.1")}}
	if row.handle != nil {
		all = append(all, version{"HTTP/2", speaking("h2")})
	}
	return all
}

func speaking(protocol string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{authority.issue(nil)}, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12}
}

// compare compares the table to that of the page.
func compare(t *testing.T, table string) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const rule = "|---|---|---|\n"
	before, after, _ := strings.Cut(string(content), rule)
	old, rest, more := strings.Cut(after, "\n\n")
	if more {
		rest = "\n" + rest
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+rule+table+rest), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if strings.TrimSpace(old) != strings.TrimSpace(table) {
		t.Errorf("docs/faults.md has another table; make golden writes this one:\n%s", table)
	}
}

// run runs a row twice through both RPCs, and says what clients see: the first time is for what is made once.
func run(t *testing.T, row row, version version) string {
	t.Helper()
	serve := row.serve
	if row.handle != nil {
		serve = handler(row.handle)
	}
	upstream := start(t, version.tls, serve)
	if serve == nil {
		upstream.close()
	}
	url := "http://" + upstream.listener.Addr().String()
	if version.tls != nil {
		url = strings.Replace(url, "http:", "https:", 1)
	}
	if row.url != nil {
		url = row.url(url)
	}
	timeout := "15s"
	if row.hangs {
		timeout = "150ms"
	}
	goroutines, kept := runtime.NumGoroutine(), heap()
	server := openProject(t, url, timeout)
	defer server.Close()
	first := look(t, server)
	ever, written := allocated(), upstream.written.Load()
	started := time.Now()
	got := look(t, server)
	took := (time.Since(started) / 2).Round(time.Millisecond)
	cost, sent := (allocated()-ever)/2, (upstream.written.Load()-written)/2
	server.Close()
	returns(t, "open connections", func() int { return int(upstream.open.Load()) }, 0)
	returns(t, "goroutines", runtime.NumGoroutine, goroutines)
	const slack, mostCost, mostRead = mega, 16 * mega, 8 * mega
	returns(t, "bytes of heap", func() int { return int(heap()) }, int(kept)+slack)
	if row.handle == nil && sent > mostRead || cost > mostCost {
		t.Errorf("a call allocates %d bytes, and the upstream could send %d", cost, sent)
	}
	if got != first {
		t.Errorf("the second time clients see %+v, the first time %+v", got, first)
	}
	if (got.reason == "UPSTREAM_TIMEOUT") != row.hangs {
		t.Errorf("clients see %+v; hangs = %v", got, row.hangs)
	}
	t.Logf("%s a call; %d bytes allocated; %d bytes sent by the upstream; %d connections; %+v", took, cost, sent, upstream.accepted.Load(), got)
	return got.cells()
}

// cells are those of the table.
func (s seen) cells() string {
	optional := "missing, " + s.missing
	if s.missing == "" {
		optional = "there"
	} else if s.retryable {
		optional += ", retryable"
	}
	required := "`" + s.code + "`, `" + s.reason + "`"
	switch {
	case s.code == "" && s.reason != "":
		required = "the response, without what drifted"
	case s.code == "" && s.name == "":
		required = "the response, with the field unset"
	case s.code == "":
		required = "the response"
	}
	return required + " | " + optional
}
