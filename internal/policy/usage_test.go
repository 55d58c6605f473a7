package policy_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/sheaf-rpc/sheaf/internal/identity"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

func answeredCall(id, rpc string, code connect.Code, begun bool) *policy.Call {
	call := &policy.Call{RPC: rpc, Arrived: time.Now(), Answer: &policy.Answer{Code: code}, Begun: begun}
	if id != "" {
		call.Caller = identity.New("partners", id, "", nil, nil)
	}
	return call
}

// TestUsage: calls are counted by hour, caller and RPC, for 48 hours; what was refused and what failed apart.
func TestUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which begins at an hour
		usage, first := policy.NewUsage(), time.Now()
		usage.Add(answeredCall("b", "s/A", 0, true))
		usage.Add(answeredCall("a", "s/B", 0, true))
		usage.Add(answeredCall("a", "s/A", connect.CodePermissionDenied, false))
		usage.Add(answeredCall("a", "s/A", connect.CodeUnavailable, true))
		usage.Add(answeredCall("a", "s/A", 0, false)) // replayed
		usage.Add(answeredCall("", "s/A", connect.CodeUnauthenticated, false))
		time.Sleep(time.Hour)
		usage.Add(answeredCall("a", "s/A", 0, true))
		row := func(hour time.Duration, id, rpc string, calls, refusals, failures int64) policy.UsageRow {
			key := policy.UsageKey{Provider: "partners", Caller: id, RPC: rpc}
			if id == "" {
				key.Provider = ""
			}
			return policy.UsageRow{Hour: first.Add(hour).UTC(), UsageKey: key, UsageCounts: policy.UsageCounts{Calls: calls, Refusals: refusals, Failures: failures}}
		}
		want := []policy.UsageRow{
			row(0, "", "s/A", 1, 1, 0), row(0, "a", "s/A", 3, 1, 1), row(0, "a", "s/B", 1, 0, 0), row(0, "b", "s/A", 1, 0, 0), row(time.Hour, "a", "s/A", 1, 0, 0),
		}
		if diff := cmp.Diff(want, usage.Rows()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(47 * time.Hour)
		if diff := cmp.Diff(want[4:], usage.Rows()); diff != "" {
			t.Errorf("after 48 hours (-want +got):\n%s", diff)
		}
		usage.Add(answeredCall("c", "s/A", 0, true))
		time.Sleep(47 * time.Hour)
		if rows := usage.Rows(); len(rows) != 1 || rows[0].Caller != "c" {
			t.Errorf("after 95 hours: %v", rows)
		}
	})
}

// TestUsageRest: callers beyond the bound are counted together, and none is lost.
func TestUsageRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		usage := policy.NewUsage()
		const callers = 5000
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := worker; i < callers; i += 4 {
					usage.Add(answeredCall(strconv.Itoa(i), []string{"s/A", "s/B"}[i%2], connect.CodeUnavailable, true))
				}
			})
		}
		all.Wait()
		rows, calls, rest := usage.Rows(), int64(0), 0
		for i, row := range rows {
			calls += row.Failures
			if row.Rest {
				rest++
			}
			if i > 0 && rows[i-1].Compare(row) >= 0 {
				t.Errorf("%v comes before %v", rows[i-1], row)
			}
		}
		if calls != callers || rest < 2 || len(rows) > 2010 {
			t.Errorf("%d calls in %d rows, %d of them of the rest", calls, len(rows), rest)
		}
	})
}

func BenchmarkUsage(b *testing.B) {
	usage, call := policy.NewUsage(), answeredCall("partner-7", "shop.v1.StorefrontService/GetProduct", 0, true)
	b.ReportAllocs()
	for b.Loop() {
		usage.Add(call)
	}
}
