package edgetest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// rules are those of the contract's fields.
var rules = regexp.MustCompile(` \[\(buf\.validate[^;]*\]`)

// withoutPolicy is the project without its policy, and without rules to validate.
func withoutPolicy() string {
	before, after, _ := strings.Cut(project, "policy:\n")
	_, after, _ = strings.Cut(after, "\n-- proto")
	return rules.ReplaceAllString(before+"-- proto"+after, "")
}

// generous is the project with a limit that counts, and that nobody reaches. Decisions are logged as log says.
func generous(log string) string {
	policy := strings.ReplaceAll(project, "rate: 1000/s, burst: 1000", "rate: 1000000/s, burst: 1000000")
	return strings.Replace(policy, "policy:\n", "policy:\n  log: "+log+"\n", 1)
}

// echo is a call that asks no upstream, so that what is done around it shows.
func echo(tb testing.TB, handler http.Handler, token string) {
	tb.Helper()
	request := httptest.NewRequest(http.MethodPost, service+"Echo", strings.NewReader(`{"owner": "ann", "text": "hello"}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		body, _ := io.ReadAll(recorder.Body)
		tb.Fatalf("got %d %s", recorder.Code, body)
	}
}

// BenchmarkPolicy is what identity (a token that is known), rules, limits and validation add to a call, in CPU time of the whole
// process, without a log line for each call and with one. Blocks of calls with and without them take turns.
func BenchmarkPolicy(b *testing.B) {
	for _, log := range []string{"refusals", "all"} {
		b.Run("log "+log, func(b *testing.B) { compare(b, generous(log)) })
	}
}

func compare(b *testing.B, guardedProject string) {
	b.Helper()
	const block = 5000 // so many that the collector runs often in each block, and not always in that of one side
	with, without := openDir(b, plantest.Write(b, guardedProject)), openDir(b, plantest.Write(b, withoutPolicy()))
	guarded, bare, token := with.server.Handler(), without.server.Handler(), with.issuer.token("ann", "notes")
	var guardedTime, bareTime time.Duration
	calls := 0
	for b.Loop() {
		guardedTime += processorTime(b, func() {
			for range block {
				echo(b, guarded, token)
			}
		})
		bareTime += processorTime(b, func() {
			for range block {
				echo(b, bare, token)
			}
		})
		calls += block
	}
	b.ReportMetric(float64((guardedTime-bareTime).Nanoseconds())/1000/float64(calls), "added-us/call")
	b.ReportMetric(float64(bareTime.Nanoseconds())/1000/float64(calls), "bare-us/call")
	b.ReportMetric(float64(guardedTime)/float64(bareTime), "ratio")
}

// processorTime is what a function costs the process.
func processorTime(b *testing.B, work func()) time.Duration {
	b.Helper()
	before := usage(b)
	work()
	return usage(b) - before
}

func usage(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestPolicyAllocations counts what the policy allocates for a call, since that is what makes it slow and can be counted.
func TestPolicyAllocations(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	const most = 24 // with -race, whose pools give less back; without it is 13
	with, without := openDir(t, plantest.Write(t, generous("all"))), openDir(t, plantest.Write(t, withoutPolicy()))
	guarded, bare, token := with.server.Handler(), without.server.Handler(), with.issuer.token("ann", "notes")
	const runs = 500
	added := testing.AllocsPerRun(runs, func() { echo(t, guarded, token) }) - testing.AllocsPerRun(runs, func() { echo(t, bare, token) })
	t.Logf("added %.0f", added)
	if added > most {
		t.Errorf("the policy allocates %.0f times for a call, at most %d are allowed", added, most)
	}
}
