package upstreams_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// byText judges as error rules do that find "ill", "busy" or "fine" in the body.
func byText(_ int, _ http.Header, body []byte) (unwell, mayPass, known bool) {
	switch {
	case bytes.Contains(body, []byte("ill")):
		return true, false, true
	case bytes.Contains(body, []byte("busy")):
		return true, true, true
	case bytes.Contains(body, []byte("fine")):
		return false, false, true
	default:
		return false, false, false
	}
}

func judged(path string) *upstreams.Request {
	request := get(path)
	request.Judge = byText
	return request
}

// TestJudgeOpensBreaker: what an answer says of the upstream's health counts for the breaker, and its status only if it says nothing.
func TestJudgeOpensBreaker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		state  string
	}{
		"good status, ill":      {http.StatusOK, "ill", "open"},
		"bad request, ill":      {http.StatusBadRequest, "ill", "open"},
		"server error, fine":    {http.StatusInternalServerError, "fine", "closed"},
		"good status, fine":     {http.StatusOK, "fine", "closed"},
		"good status, silent":   {http.StatusOK, "{}", "closed"},
		"server error, silent":  {http.StatusInternalServerError, "{}", "open"},
		"bad request, silent":   {http.StatusBadRequest, "{}", "closed"},
		"unavailable, but fine": {http.StatusServiceUnavailable, "fine", "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := open(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = fmt.Fprint(w, test.body)
			}, func(config *upstreams.Config) { config.Breaker.MinRequests = 3 })
			for range 3 {
				_, _ = client.Do(t.Context(), judged("/1")) // the breaker tells
			}
			if got := client.BreakerState(""); got != test.state {
				t.Errorf("breaker is %s, want %s", got, test.state)
			}
		})
	}
}

// TestJudgeRetries: an answer that says that it may pass is asked for again, and the error holds what it said.
func TestJudgeRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	client := open(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			_, _ = fmt.Fprint(w, "busy")
			return
		}
		_, _ = fmt.Fprint(w, "ill")
	}, func(config *upstreams.Config) {
		config.Retries = upstreams.RetryConfig{Max: 5, Budget: 1, Backoff: time.Microsecond}
	})
	_, err := client.Do(t.Context(), judged("/1"))
	failure, ok := err.(*upstreams.Error) //nolint:errorlint // Do says so
	if !ok || failure.Status != http.StatusOK || string(failure.Answer.Body) != "ill" || failure.Retryable() {
		t.Errorf("error = %v", err)
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times, want 2", asked.Load())
	}
}

// TestJudgeKeepsNothing: an answer that says that the upstream is not well is not kept, however fresh it says that it is.
func TestJudgeKeepsNothing(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	client := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if asked.Add(1) == 1 {
			_, _ = fmt.Fprint(w, "ill")
			return
		}
		_, _ = fmt.Fprint(w, "well again")
	}, func(config *upstreams.Config) {
		config.Cache = &upstreams.CacheConfig{Store: store.NewMemory(1 << 20), Rules: httpcache.Rules{}}
	})
	if _, err := client.Do(t.Context(), judged("/1")); err == nil {
		t.Error("no error")
	}
	for range 2 {
		answer, err := client.Do(t.Context(), get("/1"))
		if err != nil || string(answer.Body) != "well again" {
			t.Errorf("answer %v, error %v", answer, err)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times, want 2", asked.Load())
	}
}
