package upstreams

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

// TestCacheConfusion: requests that an upstream can tell apart never share an answer.
func TestCacheConfusion(t *testing.T) {
	t.Parallel()
	withBody := func(body string) exchange {
		e := asking("/things/1")
		e.Body = []byte(body)
		return e
	}
	for name, test := range map[string]struct{ first, second exchange }{
		"body":                        {withBody(`{"who": "alice"}`), withBody(`{"who": "bob"}`)},
		"one value, or two":           {asking("/things/1", "X-A: 1, 2"), asking("/things/1", "X-A: 1", "X-A: 2")},
		"order of values":             {asking("/things/1", "X-A: 1", "X-A: 2"), asking("/things/1", "X-A: 2", "X-A: 1")},
		"value, or name":              {asking("/things/1", "X-A: 1", "X-B: 2"), asking("/things/1", "X-A: 1X-B2")},
		"ignored token":               {asking("/things/1", "Authorization: alice"), asking("/things/1", "Authorization: bob")},
		"ignored cookie":              {asking("/things/1", "Cookie: alice"), asking("/things/1", "Cookie: bob")},
		"varies by inner space":       {asking("/things/1", "X-Ignored: a b"), asking("/things/1", "X-Ignored: a  b")},
		"escaped slash":               {asking("/things/a%2Fb"), asking("/things/a/b")},
		"question mark":               {asking("/things/1%3Fa=1"), func() exchange { e := asking("/things/1"); e.Query = "a=1"; return e }()},
		"absent on":                   {func() exchange { e := asking("/things/1"); e.AbsentOn = []int{40, 4}; return e }(), func() exchange { e := asking("/things/1"); e.AbsentOn = []int{404}; return e }()},
		"account, or what is like it": {func() exchange { e := asking("/things/1"); e.Account = "a"; return e }(), func() exchange { e := asking("/things/1"); e.Account = "b"; return e }()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do := cached(t, says("Cache-Control: max-age=10", "Vary: X-Ignored"), httpcache.Rules{}, "X-Ignored", "Authorization", "cookie")
			for i, e := range []exchange{test.first, test.second, test.first, test.second} {
				if got, want := bodyOf(t, do, e), strconv.Itoa(i%2+1); got != want {
					t.Errorf("request %d got %s, want %s", i+1, got, want)
				}
			}
		})
	}
}

// TestCacheIdentities: an answer to a request with a token or cookies is that caller's alone, however the header's name is written.
func TestCacheIdentities(t *testing.T) {
	t.Parallel()
	for _, names := range [][2]string{{"Authorization", "authorization"}, {"AUTHORIZATION", "authorization"}, {"cookie", "COOKIE"}} {
		from := says("Cache-Control: max-age=10")
		client := newTestClient(t)
		from.client = client
		base, err := client.baseFor("")
		if err != nil {
			t.Fatal(err)
		}
		base.do = newTestCache(t, client, httpcache.Rules{}).keep(from.do)
		for i, value := range []string{"alice", "bob"} {
			request := asking("/things/1").Request
			request.Header = http.Header{names[i]: {value}}
			answer, err := client.Do(t.Context(), request)
			if got := body(answer, err); got != strconv.Itoa(i+1) || !answer.Private {
				t.Errorf("%s got %s", names[i], got)
			}
		}
	}
}

// TestCacheConditional: a request with conditions or a range of its own gets what the upstream says to it, and nothing of it is
// kept: what is kept is whole, and no other's condition validates it.
func TestCacheConditional(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"If-None-Match: \"v2\"", "If-Modified-Since: Sun, 01 Mar 2026 12:00:00 GMT", "Range: bytes=0-1", "if-range: \"v1\""} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
					if number == 2 {
						return answerWith(http.StatusNotModified, "")
					}
					return answerWith(http.StatusOK, strconv.FormatInt(number, 10), "Cache-Control: max-age=1", "Last-Modified: Sun, 01 Mar 2026 12:00:00 GMT")
				}}
				do := cached(t, from, httpcache.Rules{})
				for range 3 {
					_, _ = do(t.Context(), asking("/things/1", line))
					if last := from.last.Load(); len(last.conditions) > 0 {
						t.Errorf("conditions %v beside the request's own", last.conditions)
					}
				}
				if got := from.asked.Load(); got != 3 {
					t.Errorf("asked %d times", got)
				}
			})
		})
	}
}

// TestCacheChangedWhen: what is kept is useless after a request that may have changed it: one that was not refused, even if nobody
// knows what became of it.
func TestCacheChangedWhen(t *testing.T) {
	t.Parallel()
	refused := func(status int) error {
		return &Error{Kind: kindOf(status), Status: status, Err: errTest, Answer: answerWith(status, "")}
	}
	for name, test := range map[string]struct {
		method  string
		err     error
		changed bool
	}{
		"done":            {http.MethodPost, nil, true},
		"see other":       {http.MethodPost, refused(http.StatusSeeOther), true},
		"error inside":    {http.MethodPost, refused(http.StatusOK), true},
		"no answer":       {http.MethodPut, &Error{Kind: KindTimeout, Err: errTest}, true},
		"gateway timeout": {http.MethodDelete, refused(http.StatusGatewayTimeout), true},
		"bad gateway":     {http.MethodDelete, refused(http.StatusBadGateway), true},
		"unreadable":      {http.MethodPut, &Error{Kind: KindBadAnswer, Status: http.StatusOK, Err: errTest}, true},
		"unknown method":  {"PURGE", nil, true},
		"never sent":      {http.MethodPut, &Error{Kind: KindUnavailable, Unsent: true, Err: errTest}, false},
		"refused":         {http.MethodPut, refused(http.StatusConflict), false},
		"failed":          {http.MethodPut, refused(http.StatusInternalServerError), false},
		"unavailable":     {http.MethodPut, refused(http.StatusServiceUnavailable), false},
		"head":            {http.MethodHead, nil, false},
		"options":         {http.MethodOptions, nil, false},
		"trace":           {http.MethodTrace, nil, false},
		"client has left": {http.MethodPut, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				from := says("Cache-Control: max-age=60")
				from.client = newTestClient(t)
				do := newTestCache(t, from.client, httpcache.Rules{}).keep(func(ctx context.Context, e exchange) (*Answer, error) {
					if e.Method == http.MethodGet {
						return from.do(ctx, e)
					}
					if name == "client has left" {
						cancel()
					}
					if test.err != nil {
						return nil, test.err
					}
					return answerWith(http.StatusOK, ""), nil
				})
				_ = bodyOf(t, do, asking("/things/1"))
				time.Sleep(time.Second)
				write := asking("/things/1")
				write.Method = test.method
				_, _ = do(ctx, write)
				if changed := bodyOf(t, do, asking("/things/1")) == "2"; changed != test.changed {
					t.Errorf("changed = %v", changed)
				}
			})
		})
	}
}

// TestCacheChangedForGood: however long an answer says that it is good, it does not come back after a change.
func TestCacheChangedForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := cached(t, says("Cache-Control: max-age=31536000", "ETag: \"1\""), httpcache.Rules{})
		_ = bodyOf(t, do, asking("/things/1"))
		put := asking("/things/1")
		put.Method = http.MethodPut
		time.Sleep(time.Second)
		_ = bodyOf(t, do, put)
		time.Sleep(25 * time.Hour)
		if got := bodyOf(t, do, asking("/things/1")); got != "3" {
			t.Errorf("a day after the change got %s", got)
		}
	})
}

// TestCacheCredentials: that credentials are not good is not kept: they may be renewed.
func TestCacheCredentials(t *testing.T) {
	t.Parallel()
	from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
		if number == 1 {
			return answerWith(http.StatusUnauthorized, "expired", "Cache-Control: max-age=60")
		}
		return answerWith(http.StatusOK, "renewed", "Cache-Control: max-age=60")
	}}
	do := cached(t, from, httpcache.Rules{})
	e := asking("/things/1")
	e.Account = "alice"
	if _, err := do(t.Context(), e); kindOfError(err) != KindCredentials {
		t.Errorf("error = %v", err)
	}
	if got := bodyOf(t, do, e); got != "renewed" {
		t.Errorf("got %s", got)
	}
}

// TestCacheVariants: a flood of values of a header that answers vary by takes no more memory than is allowed.
func TestCacheVariants(t *testing.T) {
	t.Parallel()
	from := says("Cache-Control: max-age=60", "Vary: X-Ignored")
	from.client = newTestClient(t)
	cache := newTestCache(t, from.client, httpcache.Rules{}, "X-Ignored")
	do := cache.keep(from.do)
	for i := range 5000 {
		_ = bodyOf(t, do, asking("/things/1", fmt.Sprintf("X-Ignored: %d%s", i, strings.Repeat("x", 1000))))
	}
	if sized, ok := cache.store.(interface{ Bytes() int }); !ok || sized.Bytes() > 1<<20 {
		t.Error("more is kept than allowed")
	}
	routes := 0
	cache.unshared.Range(func(any, any) bool { routes++; return true })
	if routes+len(cache.coalescer.flights) > 0 {
		t.Errorf("%d routes and %d flights are left", routes, len(cache.coalescer.flights))
	}
}

// TestCacheFixedHeaders: where several share a store, answers to other fixed headers are other answers.
func TestCacheFixedHeaders(t *testing.T) {
	t.Parallel()
	key := func(upstream, base string, fixed http.Header) string {
		k := newKeys(upstream, base, fixed, nil)
		return k.keyOf(asking("/things/1").Request)
	}
	seen := map[string]string{}
	for name, one := range map[string]string{
		"plain":          key("things", "http://things", nil),
		"other upstream": key("others", "http://things", nil),
		"other base":     key("things", "http://things/v2", nil),
		"a header":       key("things", "http://things", http.Header{"Accept-Language": {"de"}}),
		"another value":  key("things", "http://things", http.Header{"Accept-Language": {"en"}}),
	} {
		if other, known := seen[one]; known {
			t.Errorf("%s and %s share a key", name, other)
		}
		seen[one] = name
	}
}
