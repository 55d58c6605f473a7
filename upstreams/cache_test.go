package upstreams

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// origin is an upstream behind a cache. It answers by the number of the request, which begins with 1.
type origin struct {
	asked  atomic.Int64
	last   atomic.Pointer[exchange]
	answer func(ctx context.Context, exchange exchange, number int64) *Answer
	client *Client
}

func (o *origin) do(ctx context.Context, exchange exchange) (*Answer, error) {
	o.last.Store(&exchange)
	answer := o.answer(ctx, exchange, o.asked.Add(1))
	switch {
	case ctx.Err() != nil:
		return nil, &Error{Kind: KindUnavailable, given: true, Err: ctx.Err()}
	case answer == nil:
		return nil, unavailable()
	case answer.Status == http.StatusNotModified:
		return answer, nil
	default:
		return o.client.judge(exchange.Request, answer, nil)
	}
}

// says is an origin whose every answer has these header lines, and the request's number as its body.
func says(lines ...string) *origin {
	return &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
		return answerWith(http.StatusOK, strconv.FormatInt(number, 10), lines...)
	}}
}

func answerWith(status int, body string, lines ...string) *Answer {
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return &Answer{Status: status, Header: header, Body: []byte(body)}
}

// cached puts a cache in front of an origin.
func cached(t *testing.T, from *origin, rules httpcache.Rules, ignored ...string) call {
	t.Helper()
	from.client = newTestClient(t)
	return newTestCache(t, from.client, rules, ignored...).keep(from.do)
}

func newTestClient(t *testing.T) *Client {
	t.Helper()
	client, err := New(Config{Name: "things", BaseURL: "http://things"})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newTestCache(t *testing.T, client *Client, rules httpcache.Rules, ignored ...string) *cache {
	t.Helper()
	base, err := client.baseFor("")
	if err != nil {
		t.Fatal(err)
	}
	cache := newCache(client, base, &CacheConfig{Store: store.NewMemory(1 << 20), Rules: rules, IgnoreHeaders: ignored})
	t.Cleanup(cache.close)
	return cache
}

func body(answer *Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	if answer.Absent {
		return "absent"
	}
	return string(answer.Body)
}

func bodyOf(t *testing.T, do call, exchange exchange) string {
	t.Helper()
	return body(do(t.Context(), exchange))
}

func asking(path string, lines ...string) exchange {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return exchange{Request: &Request{Name: "thing", Method: http.MethodGet, Template: "/things/{id}", Path: path, Header: header}}
}

// TestCacheFresh: while it is fresh an answer is given again, with its age; then a new one is fetched.
func TestCacheFresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := says("Cache-Control: max-age=10")
		do := cached(t, from, httpcache.Rules{})
		for _, step := range []struct{ want, age string }{{"1", ""}, {"1", "6"}, {"2", ""}, {"2", "6"}} {
			answer, err := do(t.Context(), asking("/things/1"))
			if body(answer, err) != step.want || answer.Header.Get("Age") != step.age || answer.Stale {
				t.Errorf("%s with age %q, want %+v", body(answer, err), answer.Header.Get("Age"), step)
			}
			time.Sleep(6 * time.Second)
		}
		if answer, _ := do(t.Context(), asking("/things/1")); answer.MaxAge != 10*time.Second || answer.Private {
			t.Errorf("may be passed on for %s", answer.MaxAge)
		}
	})
}

// TestCacheValidates: an answer that is too old is asked for on condition, and renewed by a 304.
func TestCacheValidates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, exchange exchange, number int64) *Answer {
			if exchange.conditions.Get("If-None-Match") == `"a"` && number < 3 {
				return answerWith(http.StatusNotModified, "", "Cache-Control: max-age=20")
			}
			return answerWith(http.StatusOK, strconv.FormatInt(number, 10), "Cache-Control: max-age=10", `ETag: "a"`)
		}}
		do := cached(t, from, httpcache.Rules{})
		for _, want := range []string{"1", "1", "1", "3"} { // fresh for 10 s, then for 20 s
			if got := bodyOf(t, do, asking("/things/1")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			time.Sleep(12 * time.Second)
		}
	})
}

// TestCacheKeys: what differs in anything that is sent is another request; what is to be ignored is not, but for Vary.
func TestCacheKeys(t *testing.T) {
	t.Parallel()
	first := asking("/things/1", "X-A: 1")
	for name, test := range map[string]struct {
		vary   string
		second exchange
		same   bool
	}{
		"the same":                 {"", asking("/things/1", "X-A: 1"), true},
		"another path":             {"", asking("/things/2", "X-A: 1"), false},
		"another header":           {"", asking("/things/1", "X-A: 2"), false},
		"without the header":       {"", asking("/things/1"), false},
		"with a token":             {"", asking("/things/1", "X-A: 1", "Authorization: x"), false},
		"ignored":                  {"", asking("/things/1", "X-A: 1", "X-Ignored: 2"), true},
		"ignored, but varies":      {"Vary: X-Ignored", asking("/things/1", "X-A: 1", "X-Ignored: 2"), false},
		"ignored, varies by other": {"Vary: X-Other", asking("/things/1", "X-A: 1", "X-Ignored: 2"), true},
		"query":                    {"", func() exchange { e := asking("/things/1", "X-A: 1"); e.Query = "a=1"; return e }(), false},
		"account":                  {"", func() exchange { e := asking("/things/1", "X-A: 1"); e.Account = "alice"; return e }(), false},
		"absent on":                {"", func() exchange { e := asking("/things/1", "X-A: 1"); e.AbsentOn = []int{404}; return e }(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do := cached(t, says("Cache-Control: max-age=10", test.vary), httpcache.Rules{}, "x-ignored", "X-Other")
			if got := bodyOf(t, do, first); got != "1" {
				t.Fatal(got)
			}
			if got := bodyOf(t, do, test.second); (got == "1") != test.same {
				t.Errorf("the second request got %s", got)
			}
			if got := bodyOf(t, do, first); got != "1" {
				t.Errorf("the first request got %s", got)
			}
		})
	}
}

// TestCacheCallers: with random callers, freshness, failures and changes, nobody is ever given what was another's.
func TestCacheCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		controls := []string{"max-age=5", "private, max-age=5", "no-store", "public, max-age=1, stale-while-revalidate=5", "no-cache", "max-age=1, stale-if-error=9"}
		whose := func(e exchange) string {
			return fmt.Sprint(e.Path, e.Account, e.Header.Get("Authorization"), e.Header.Get("X-Tenant"))
		}
		var seed atomic.Int64
		from := &origin{answer: func(_ context.Context, e exchange, number int64) *Answer {
			time.Sleep(time.Duration(seed.Add(7)%5) * 100 * time.Millisecond)
			if number%11 == 0 {
				return nil
			}
			return answerWith(http.StatusOK, whose(e), "Cache-Control: "+controls[number%int64(len(controls))])
		}}
		do := cached(t, from, httpcache.Rules{})
		pick := func(from ...string) string { return from[random.IntN(len(from))] }
		const calls = 5000
		var answered atomic.Int64
		for range calls {
			e := asking("/things/"+pick("1", "2"), "X-Tenant: "+pick("a", "b", "c"))
			e.Account = pick("", "", "alice", "bob")
			if token := pick("", "t1", "t2"); token != "" {
				e.Header.Set("Authorization", token)
			}
			go func() {
				got := body(do(t.Context(), e))
				if !strings.Contains(got, errTest.Error()) {
					answered.Add(1)
					if got != whose(e) {
						t.Errorf("%s was given to %s", got, whose(e))
					}
				}
			}()
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if asked := from.asked.Load(); answered.Load() < calls*9/10 || asked > calls*9/10 {
			t.Errorf("%d of %d answered, upstream asked %d times", answered.Load(), calls, asked)
		}
	})
}

// TestCoalesce: who asks the same at the same time shares a request, if its answer may be shared.
func TestCoalesce(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]int64{"max-age=1": 1, "no-store": 100, "private, max-age=1": 100} {
		t.Run(control, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				from := &origin{answer: func(context.Context, exchange, int64) *Answer {
					time.Sleep(time.Second)
					return answerWith(http.StatusOK, "x", "Cache-Control: "+control)
				}}
				do := cached(t, from, httpcache.Rules{})
				started := time.Now()
				for range 100 {
					go func() {
						if got := bodyOf(t, do, asking("/things/1")); got != "x" || time.Since(started) > 2*time.Second {
							t.Errorf("got %s after %s", got, time.Since(started))
						}
					}()
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := from.asked.Load(); got != want {
					t.Errorf("asked %d times, want %d", got, want)
				}
			})
		})
	}
}

// TestCoalesceLeaving: one who gives up takes nothing from the others; when the last one does, the request ends.
func TestCoalesceLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		from := &origin{answer: func(ctx context.Context, _ exchange, _ int64) *Answer {
			select {
			case <-ctx.Done():
				ended.Store(true)
			case <-time.After(10 * time.Second):
			}
			return answerWith(http.StatusOK, "x", "Cache-Control: max-age=1")
		}}
		do := cached(t, from, httpcache.Rules{})
		leave := func(after time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			_, err := do(ctx, asking("/things/1"))
			failure, ok := errors.AsType[*Error](err)
			if !ok || !failure.given || failure.Kind != KindTimeout {
				t.Errorf("error = %v", err)
			}
		}
		go leave(time.Second)
		go leave(2 * time.Second)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if ended.Load() {
			t.Error("the request has ended with the first who left")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !ended.Load() || from.asked.Load() != 1 {
			t.Error("the request goes on although nobody waits for it")
		}
	})
}

// TestCacheStale: an answer that is too old is given at once while one request fetches a new one, or for want of one, as
// far as the upstream or the declared rules allow.
func TestCacheStale(t *testing.T) {
	t.Parallel()
	fails := func(number int64) *Answer {
		if number > 1 {
			return nil
		}
		return answerWith(http.StatusOK, "1", "Cache-Control: max-age=1, stale-if-error=5")
	}
	slow := func(number int64) *Answer {
		if number > 1 {
			time.Sleep(time.Second)
		}
		return answerWith(http.StatusOK, strconv.FormatInt(number, 10), "Cache-Control: max-age=1, stale-while-revalidate=5")
	}
	for name, test := range map[string]struct {
		answer func(int64) *Answer
		after  time.Duration
		want   string
		stale  bool
		asked  int64
	}{
		"if error":              {fails, 3 * time.Second, "1", true, 101},
		"if error, too old":     {fails, 7 * time.Second, "test", false, 101},
		"while revalidate":      {slow, 3 * time.Second, "1", true, 2},
		"revalidating, too old": {slow, 7 * time.Second, "2", false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer { return test.answer(number) }}
				do := cached(t, from, httpcache.Rules{})
				_ = bodyOf(t, do, asking("/things/1"))
				time.Sleep(test.after)
				for range 100 {
					go func() {
						answer, err := do(t.Context(), asking("/things/1"))
						if !strings.Contains(body(answer, err), test.want) || err == nil && answer.Stale != test.stale || test.stale && answer.MaxAge > 0 {
							t.Errorf("got %s, %+v", body(answer, err), answer)
						}
					}()
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if got := from.asked.Load(); got != test.asked && test.asked == 2 || got > test.asked {
					t.Errorf("asked %d times", got)
				}
			})
		})
	}
}

// TestCacheChanged: a write through Sheaf makes what is kept of the same URL useless; one that is refused does not.
func TestCacheChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, e exchange, number int64) *Answer {
			if e.Method == http.MethodPatch {
				return answerWith(http.StatusConflict, "test")
			}
			return answerWith(http.StatusOK, strconv.FormatInt(number, 10), "Cache-Control: max-age=60")
		}}
		do := cached(t, from, httpcache.Rules{})
		for _, step := range []struct{ method, want string }{{"GET", "1"}, {"GET", "1"}, {"PATCH", "test"}, {"GET", "1"}, {"PUT", "3"}, {"GET", "4"}, {"GET", "4"}} {
			e := asking("/things/1", "X-Method: of no meaning")
			e.Method = step.method
			if got := bodyOf(t, do, e); !strings.HasSuffix(got, step.want) {
				t.Errorf("%s got %s, want %s", step.method, got, step.want)
			}
			time.Sleep(time.Second)
		}
	})
}

// TestCacheNegative: "there is none" is kept if that is declared, both as an error and as an absence.
func TestCacheNegative(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &origin{answer: func(_ context.Context, _ exchange, number int64) *Answer {
			return answerWith(http.StatusNotFound, fmt.Sprintf("no such thing, %d", number))
		}}
		do := cached(t, from, httpcache.Rules{NegativeAge: time.Minute})
		absent := asking("/things/1")
		absent.AbsentOn = []int{http.StatusNotFound}
		for range 2 {
			if got := bodyOf(t, do, absent); got != "absent" {
				t.Errorf("got %s", got)
			}
			_, err := do(t.Context(), asking("/things/1"))
			if kindOfError(err) != KindNotFound || !strings.Contains(err.Error(), "no such thing, 2") {
				t.Errorf("error = %v", err)
			}
		}
		if from.asked.Load() != 2 {
			t.Errorf("asked %d times", from.asked.Load())
		}
	})
}

// awayStore is a store that cannot be reached.
type awayStore struct{ store.Blobs }

var errAway = errors.New("away")

func (awayStore) Get(context.Context, string) ([]byte, bool, error)        { return nil, false, errAway }
func (awayStore) Set(context.Context, string, []byte, time.Duration) error { return errAway }

// TestCacheAway: without its store, a cache is none.
func TestCacheAway(t *testing.T) {
	t.Parallel()
	from := says("Cache-Control: max-age=60")
	client, err := New(Config{Name: "things", BaseURL: "http://things", Cache: &CacheConfig{Store: awayStore{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	from.client = client
	base, err := client.baseFor("")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1", "2"} {
		if got := bodyOf(t, base.cache.keep(from.do), asking("/things/1")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzEntry: whatever is in the store, reading it does not fail badly; what was written is read.
func FuzzEntry(f *testing.F) {
	f.Add([]byte("\x02{}body"), "X-A", "1", []byte("body"))
	f.Fuzz(func(t *testing.T, stored []byte, name, value string, body []byte) {
		_, _ = decodeEntry(stored)
		if strings.ToValidUTF8(name+value, "") != name+value {
			return
		}
		written := &entry{Response: httpcache.Response{Status: http.StatusOK, Header: http.Header{name: {value}}}, Body: body}
		encoded, err := written.encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := decodeEntry(encoded)
		if err != nil || read.Header[name][0] != value || string(read.Body) != string(body) {
			t.Errorf("read %+v, error %v", read, err)
		}
	})
}

// TestCacheHolds: what calls share, and what is fetched behind an answer, is not held for the call that began it, which may by then wait for
// room for another one.
func TestCacheHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := says("Cache-Control: max-age=1, stale-while-revalidate=5")
		do := cached(t, from, httpcache.Rules{})
		asked := asking("/things/1")
		asked.Hold = &keeper{}
		_ = bodyOf(t, do, asked)
		if from.last.Load().Hold != nil {
			t.Error("what others may join is held for a call")
		}
		time.Sleep(3 * time.Second)
		_ = bodyOf(t, do, asked)
		synctest.Wait()
		if from.asked.Load() != 2 || from.last.Load().Hold != nil {
			t.Errorf("asked %d times, held for %v", from.asked.Load(), from.last.Load().Hold)
		}
	})
}
