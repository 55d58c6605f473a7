package load

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// busy takes a while for each call.
type busy struct {
	each  time.Duration
	calls int
	fail  error
}

func (b *busy) Call() ([]byte, error) {
	time.Sleep(b.each)
	b.calls++
	return nil, b.fail
}

// TestClosed: each caller calls again when it was answered; calls under way when time is over count.
func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quick, slow := &busy{each: 10 * time.Millisecond}, &busy{each: 300 * time.Millisecond}
		calls, took, err := Closed([]Caller{quick, slow}, time.Second+time.Millisecond)
		if err != nil || calls != 101+4 || quick.calls != 101 || slow.calls != 4 || took != 1200*time.Millisecond {
			t.Errorf("%d calls (%d, %d) in %s, error %v", calls, quick.calls, slow.calls, took, err)
		}
	})
}

func TestClosedFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		if _, took, err := Closed([]Caller{&busy{each: time.Second, fail: broken}}, time.Hour); !errors.Is(err, broken) || took != time.Second {
			t.Errorf("error %v after %s", err, took)
		}
	})
}

// TestFollow: a call that had to wait for the ones before it counts its wait, too.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		due := make(chan time.Time, 3)
		for range 3 {
			due <- time.Now()
		}
		close(due)
		latencies, err := follow(due, &busy{each: 10 * time.Millisecond})
		if want := []time.Duration{1e7, 2e7, 3e7}; err != nil || !slices.Equal(latencies, want) {
			t.Errorf("latencies %v, error %v, want %v", latencies, err, want)
		}
	})
}

// TestOpen: every call of the schedule is made, whatever the callers' number.
func TestOpen(t *testing.T) {
	t.Parallel()
	one, other := &busy{}, &busy{}
	latencies, err := Open(t.Context(), []Caller{one, other}, 1000, 50*time.Millisecond)
	if err != nil || len(latencies) != 50 || one.calls+other.calls != 50 || !slices.IsSorted(latencies) {
		t.Errorf("%d latencies of %d calls, error %v", len(latencies), one.calls+other.calls, err)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		of    []time.Duration
		share float64
		want  time.Duration
	}{
		{nil, 0.5, 0}, {hundred[:1], 0.99, 1}, {hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 0.999, 100}, {hundred, 0, 1}, {hundred, 1, 100},
	} {
		if got := Percentile(test.of, test.share); got != test.want {
			t.Errorf("percentile %v of %d = %v, want %v", test.share, len(test.of), got, test.want)
		}
	}
}

// TestCallers: both kinds send what they are given, and tell an error from an answer.
func TestCallers(t *testing.T) {
	t.Parallel()
	for _, overHTTP2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status := r.Header.Get("Want")
			if !overHTTP2 && status != "0" {
				http.Error(w, status, http.StatusBadGateway)
			}
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(frame([]byte("answer")))
			w.Header().Set("Grpc-Status", status)
		}))
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		for _, status := range []string{"0", "14"} {
			callers, closeAll := NewCallers(Request{
				Method: http.MethodPost, URL: server.URL, Header: map[string]string{"Want": status}, HTTP2: overHTTP2,
			}, 2)
			answer, err := callers[1].Call()
			if (err == nil) != (status == "0") || err == nil && !strings.HasSuffix(string(answer), "answer") {
				t.Errorf("HTTP/2 %t, status %s: %q, error %v", overHTTP2, status, answer, err)
			}
			closeAll()
		}
		server.Close()
	}
}
