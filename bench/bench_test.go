package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
	"github.com/sheaf-rpc/sheaf/bench/internal/load"
	"github.com/sheaf-rpc/sheaf/bench/internal/report"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
)

// TestMain is a child's main, too: children are started as this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// serve serves in this process until the test ends, and returns the address.
func serve(t *testing.T, opened server) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- opened.serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := opened.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// TestAnswers: every subject answers each case that it takes part in as it has to.
func TestAnswers(t *testing.T) {
	services, err := openChild(t.Context(), []string{services})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, services)
	for _, kind := range []string{"", upstream.Slow, upstream.Failing} {
		baseURL := "http://" + address + kind
		expected := map[*cases.Case]proto.Message{}
		for _, c := range cases.All() {
			if c.Upstream != kind {
				continue
			}
			if expected[&c], err = expect(t.Context(), &c, baseURL); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range subjects() {
			t.Run(s.name+kind, func(t *testing.T) { answersOf(t, &s, baseURL, expected) })
		}
	}
}

// answersOf checks a subject's answers in those cases that it takes part in.
func answersOf(t *testing.T, s *subject, baseURL string, all map[*cases.Case]proto.Message) {
	t.Helper()
	front := ""
	for c, expected := range all {
		if !s.takesPart(c) {
			continue
		}
		if front == "" {
			opened, err := s.open(t.Context(), baseURL)
			if err != nil {
				t.Fatal(err)
			}
			front = serve(t, opened)
		}
		request, err := s.front(c, front)
		if err != nil {
			t.Fatal(err)
		}
		callers, closeAll := load.NewCallers(request, 1)
		answer, err := callers[0].Call()
		if err == nil {
			err = s.check(c, answer, expected)
		}
		if err != nil {
			t.Errorf("%s: %.2000s", c.Name, err)
		}
		closeAll()
	}
}

// TestCheckRefuses: an answer that is not what it has to be is found, of whatever kind it is.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	c := &cases.All()[0]
	for _, s := range subjects() {
		for _, answer := range []string{"", "not found", `{"error": "no"}`} {
			if err := s.check(c, []byte(answer), c.Request); err == nil {
				t.Errorf("%s: %q is taken for an answer", s.name, answer)
			}
		}
	}
}

// TestQuick measures something with real processes, and prints it.
func TestQuick(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results.json")
	profiles := t.TempDir()
	var out, progress bytes.Buffer
	arguments := []string{"-quick", "-cases", "^3 calls$", "-subjects", "sheaf,hand,floor", "-json", results, "-cpuprofile", profiles}
	if err := run(t.Context(), arguments, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{"| 3 calls | ", "## Latency", "## Aims", "GOMAXPROCS"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	text, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	var read report.Results
	if err := json.Unmarshal(text, &read); err != nil || len(read.Runs) != 6 {
		t.Fatalf("%d runs, error %v", len(read.Runs), err)
	}
	for _, r := range read.Runs {
		if r.Calls == 0 || r.Usage.CPU <= 0 || r.Usage.PeakRSS == 0 || r.Usage.Allocations == 0 || (r.Rate > 0) != (r.P999 > 0) {
			t.Errorf("run = %+v", r)
		}
	}
	for _, name := range []string{"sheaf", "hand", "floor"} {
		if _, err := os.Stat(filepath.Join(profiles, name+".3-calls.1.pprof")); err != nil {
			t.Error(err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		arguments string
		wrong     string // in the error; empty for none
		cases     int
		subjects  int
	}{
		{"", "", len(cases.All()), len(subjects())},
		{"-cases ^3.calls$|^JSON -subjects hand,sheaf,hand", "", 2, 2},
		{"-cases nothing", `no case fits "nothing"`, 0, 0},
		{"-cases (", "-cases: ", 0, 0},
		{"-subjects hand,foot", `unknown subject "foot"`, 0, 0},
		{"-rounds 0", "measure nothing", 0, 0},
		{"-seconds 0", "measure nothing", 0, 0},
		{"hand", `unexpected argument "hand"`, 0, 0},
	} {
		o, err := parseOptions(strings.Fields(test.arguments), &bytes.Buffer{})
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%q: error %v, want %q", test.arguments, err, test.wrong)
			}
			continue
		}
		if err != nil || len(o.cases) != test.cases || len(o.subjects) != test.subjects {
			t.Errorf("%q: %d cases, %d subjects, error %v", test.arguments, len(o.cases), len(o.subjects), err)
		}
	}
}

// TestServeUnknown: a child that cannot serve says why.
func TestServeUnknown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"serve", "foot", "http://localhost"}, nil, &out, nil); err == nil {
		t.Error("an unknown subject is served")
	}
	if !strings.Contains(out.String(), `unknown subject \"foot\"`) {
		t.Error(fmt.Sprint("the parent is told ", out.String()))
	}
}
