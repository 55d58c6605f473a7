package upstreams

import (
	"net/http"
	"testing"
	"time"
	"unsafe"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// setClock is what time.Now gives at the same moment if the system's clock has been set forward by d, or back: the wall reading jumps,
// the monotonic one does not.
func setClock(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	fields := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&at))
	const nanoBits = 30
	fields.wall += uint64(int64(d/time.Second)) << nanoBits
	return at
}

var jumps = []time.Duration{-48 * time.Hour, -time.Hour, -2 * time.Second, 2 * time.Second, time.Hour, 48 * time.Hour}

// TestSetClock: the tests' clock jumps as the system's does.
func TestSetClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, jump := range jumps {
		set := setClock(t, now, jump)
		if got := set.Round(0).Sub(now.Round(0)); got != jump || set.Sub(now) != 0 {
			t.Errorf("wall time jumped by %s, monotonic by %s; want %s and 0", got, set.Sub(now), jump)
		}
	}
}

// TestBudgetClock: setting the clock neither forgets what was spent, nor holds on to it.
func TestBudgetClock(t *testing.T) {
	t.Parallel()
	for _, jump := range jumps {
		now := time.Now()
		spent := budget{share: 0.1}
		spent.at(now).requests++
		if again := spent.at(setClock(t, now, jump)); again.requests != 1 {
			t.Errorf("%s: %d requests, want 1", jump, again.requests)
		}
		if later := spent.at(setClock(t, now.Add(budgetSeconds*time.Second), jump)); later.requests != 0 {
			t.Errorf("%s: %d requests ten seconds later, want 0", jump, later.requests)
		}
	}
}

// TestBreakerClock: what clients are told of a breaker's rest is never more than that.
func TestBreakerClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	opened := breaker{openFor: 5 * time.Second}
	opened.openedAt.Store(&now)
	for _, jump := range jumps {
		if rest := opened.rest(setClock(t, now.Add(time.Second), jump)); rest != 4*time.Second {
			t.Errorf("%s: %s left, want 4s", jump, rest)
		}
	}
}

// TestRetryAfterClock: a date is by the upstream's clock, however far that is from ours.
func TestRetryAfterClock(t *testing.T) {
	t.Parallel()
	said := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	header := http.Header{"Date": {said.Format(http.TimeFormat)}, "Retry-After": {said.Add(30 * time.Second).Format(http.TimeFormat)}}
	for _, jump := range jumps {
		if wait := retryAfter(header, said.Add(jump)); wait != 30*time.Second {
			t.Errorf("%s: %s, want 30s", jump, wait)
		}
	}
}

// TestCacheClock: what is kept is by the wall clock, which replicas share. Set forward, it makes answers old; set back to before they
// came, it makes them older than any lifetime; so that an answer never counts as younger than it is by more than the clock was set back
// while it was kept.
func TestCacheClock(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	kept := &httpcache.Response{
		Status: http.StatusOK, RequestedAt: received, ReceivedAt: received,
		Header: http.Header{"Cache-Control": {"max-age=60"}, "Date": {received.Format(http.TimeFormat)}},
	}
	for elapsed, fresh := range map[time.Duration]bool{
		0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false, 48 * time.Hour: false, -time.Second: false, -48 * time.Hour: false,
	} {
		if verdict := (httpcache.Rules{}).Judge(nil, kept, received.Add(elapsed)); verdict.Use != fresh {
			t.Errorf("%s: %+v, want fresh %v", elapsed, verdict, fresh)
		}
	}
}
