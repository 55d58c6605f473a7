package aggregate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/pagetoken"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// scripted is an upstream that answers as a file says, and notes what it is asked.
type scripted struct {
	unrenewed

	mu      sync.Mutex
	asked   []string
	answers map[string][]scriptedAnswer
}

// scriptedAnswer is one answer; the last one of a request is given again and again.
type scriptedAnswer struct {
	status int
	header http.Header
	body   string
}

// parseScript reads a file such as
//
//	GET /users/1
//	200 X-Header: value
//	{"id": 1}
func parseScript(t *testing.T, text string) *scripted {
	t.Helper()
	script := &scripted{answers: map[string][]scriptedAnswer{}}
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		request, rest, _ := strings.Cut(block, "\n")
		head, body, _ := strings.Cut(rest, "\n")
		status, header, _ := strings.Cut(head, " ")
		one := scriptedAnswer{header: http.Header{}, body: body}
		if _, err := fmt.Sscan(status, &one.status); err != nil {
			t.Fatalf("script: %q: %v", head, err)
		}
		if name, value, found := strings.Cut(header, ": "); found {
			one.header.Set(name, value)
		}
		script.answers[request] = append(script.answers[request], one)
	}
	return script
}

func (s *scripted) Do(_ context.Context, call *aggregate.Request) (*aggregate.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := call.Method + " " + call.Path
	if call.Query != "" {
		request += "?" + call.Query
	}
	asked := []string{request}
	for _, name := range []string{"Content-Type", "X-Sent"} {
		if value := call.Header.Get(name); value != "" {
			asked = append(asked, name+": "+value)
		}
	}
	if call.Body != nil {
		asked = append(asked, string(call.Body))
	}
	s.asked = append(s.asked, strings.Join(asked, " "))
	answers := s.answers[request]
	if len(answers) == 0 {
		return nil, &aggregate.Failure{Reason: plan.ReasonFailed, Err: fmt.Errorf("no answer for %s", request)}
	}
	one := answers[0]
	if len(answers) > 1 {
		s.answers[request] = answers[1:]
	}
	answer := aggregate.Answer{Status: one.status, Header: one.header, Body: []byte(one.body)}
	switch {
	case slices.Contains(call.AbsentOn, one.status):
		answer.Absent = true
	case one.status > 299:
		reasons := map[int]plan.Reason{404: plan.ReasonNotFound, 429: plan.ReasonRateLimited, 400: plan.ReasonRejected, 503: plan.ReasonUnavailable}
		reason := reasons[one.status]
		if reason == "" {
			reason = plan.ReasonFailed
		}
		return nil, &aggregate.Failure{Reason: reason, Err: fmt.Errorf("answered %d", one.status), Answer: &answer}
	}
	return &answer, nil
}

// accounts are those of the tests.
type accounts map[string]string

func (a accounts) Attributes(id string) ([]byte, bool) {
	found, ok := a[id]
	return []byte(found), ok
}

// TestLanguage runs the projects in testdata: each is a binding, a script of its upstream, and RPCs with what comes of
// them. With -update the results are written.
func TestLanguage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/language/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runLanguage(t, file, archive)
		})
	}
}

func runLanguage(t *testing.T, path string, archive *txtar.Archive) {
	t.Helper()
	var project txtar.Archive
	script, runs := "", -1
	for i, file := range archive.Files {
		switch file.Name {
		case "script":
			script = string(file.Data)
		case "runs":
			runs = i
		default:
			project.Files = append(project.Files, file)
		}
	}
	compiled := plantest.Compile(t, string(txtar.Format(&project)))
	sealer, err := pagetoken.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	next := "" // the last page token, which stands for NEXT in a request
	for line := range strings.Lines(string(archive.Files[runs].Data)) {
		if !strings.HasPrefix(line, "> ") {
			continue
		}
		to := parseScript(t, script)
		world := &aggregate.World{
			Upstreams: map[string]aggregate.Upstream{"a": to, "b": to, "c": to}, Tokens: sealer,
			Accounts: accounts{"alice": `{"host": "one", "did": "did:alice"}`},
		}
		got.WriteString(line)
		result := runLine(t, compiled, world, strings.ReplaceAll(strings.TrimSpace(line[2:]), "NEXT", next))
		if token := pageToken.FindStringSubmatch(result); token != nil {
			next = token[1]
			result = strings.ReplaceAll(result, next, "NEXT")
		}
		got.WriteString(result)
		slices.Sort(to.asked)
		for _, asked := range to.asked {
			fmt.Fprintf(&got, "  %s\n", asked)
		}
	}
	if *update {
		archive.Files[runs].Data = []byte(got.String())
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(archive.Files[runs].Data), got.String()); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

var pageToken = regexp.MustCompile(`"next_page_token":"([^"]*)"`)

// runLine runs "RPC {request}" in virtual time, and says what came of it.
func runLine(t *testing.T, compiled *plan.Plan, world *aggregate.World, line string) string {
	t.Helper()
	name, text, _ := strings.Cut(line, " ")
	rpc := compiled.Find(name)
	if rpc == nil {
		t.Fatalf("no RPC %s", name)
	}
	bound, err := aggregate.Bind(compiled, world)
	if err != nil {
		t.Fatal(err)
	}
	input := dynamicpb.NewMessage(rpc.Method.Input())
	if err := protojson.Unmarshal([]byte(text), input); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		result, err := bound[rpc].Run(t.Context(), aggregate.Input{Request: input, Header: http.Header{"X-Sent": {"by client"}}})
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", describe(err))
			return
		}
		message := dynamicpb.NewMessage(rpc.Method.Output())
		if err := proto.Unmarshal(result.Message, message); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", compact(t, protojson.MarshalOptions{UseProtoNames: true}.Format(message)))
		if result.Partial != nil {
			fmt.Fprintf(&out, "partial: %s\n", compact(t, protojson.Format(result.Partial)))
		}
		if len(result.Header)+len(result.Trailer) > 0 {
			fmt.Fprintf(&out, "metadata: %v %v\n", result.Header, result.Trailer)
		}
	})
	return out.String()
}

// compact takes out the spaces, which protojson varies on purpose.
func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func describe(err error) string {
	for unwrapped := err; unwrapped != nil; {
		switch failed := unwrapped.(type) { //nolint:errorlint // the chain is followed here
		case *aggregate.CallError:
			code, message := failed.Told()
			text := []string{fmt.Sprintf("call %s: %s %s: %s", failed.Call.Name, code, failed.Reason, message)}
			for _, violation := range failed.Violations {
				text = append(text, fmt.Sprintf("field %q: %s", violation.Field, violation.Description))
			}
			if failed.RetryAfter > 0 {
				text = append(text, fmt.Sprintf("retry after %v", failed.RetryAfter))
			}
			return strings.Join(text, "; ")
		case interface{ Unwrap() error }:
			unwrapped = failed.Unwrap()
		default:
			unwrapped = nil
		}
	}
	return err.Error()
}

var update = flag.Bool("update", false, "write the results of the language tests")
