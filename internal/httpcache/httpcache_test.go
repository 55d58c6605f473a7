package httpcache_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) string { return noon.Add(after).Format(http.TimeFormat) }

// header reads lines such as "Age: 3".
func header(lines ...string) http.Header {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return header
}

func response(status int, lines ...string) *httpcache.Response {
	return &httpcache.Response{Status: status, Header: header(lines...), RequestedAt: noon, ReceivedAt: noon}
}

// TestLifetime: how long a response is fresh, by what it says (RFC 9111, section 4.2.1).
func TestLifetime(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]time.Duration{
		"Cache-Control: max-age=60":                                      time.Minute,
		"cache-control: foo, MAX-AGE=60":                                 time.Minute,
		`Cache-Control: max-age="60"`:                                    time.Minute,
		"Cache-Control: max-age=0060":                                    time.Minute,
		"Cache-Control: max-age='60'":                                    0,
		"Cache-Control: max-age=60.0":                                    0,
		"Cache-Control: max-age=-60":                                     0,
		"Cache-Control: max-age=60a":                                     0,
		"Cache-Control: max-age":                                         0,
		"Cache-Control: max-age =60":                                     0,
		"Cache-Control: max-age= 60":                                     0,
		`Cache-Control: x="max-age=60"`:                                  0,
		`Cache-Control: x="a, max-age=60, b"`:                            0,
		`Cache-Control: x="\", max-age=60"`:                              0,
		`Cache-Control: x="a, max-age=60`:                                0,
		`Cache-Control: x="a, max-age=60", max-age=1`:                    time.Second,
		"Cache-Control: max-age=60, max-age=1":                           time.Second,
		"Cache-Control: max-age=1|Cache-Control: max-age=60":             time.Second,
		"Cache-Control: max-age=9999999999999999999999":                  1<<31*time.Second - time.Second,
		"Cache-Control: max-age=1, s-maxage=60":                          time.Minute,
		"Cache-Control: max-age=60, s-maxage=1":                          time.Second,
		"Cache-Control: max-age=60|Expires: 0":                           time.Minute,
		"Cache-Control: max-age=0|Expires: " + at(time.Hour):             0,
		"Expires: " + at(time.Minute):                                    time.Minute,
		"Expires: " + at(time.Minute) + "|Date: never":                   time.Minute,
		"Expires: " + at(-time.Minute):                                   0,
		"Expires: 0":                                                     0,
		"Expires: " + at(time.Minute) + "|Expires: " + at(time.Hour):     0,
		"Expires: " + at(2*time.Minute) + "|Date: " + at(time.Minute):    time.Minute,
		"Cache-Control: max-age=60, no-cache":                            0,
		"Cache-Control: max-age=60|Age: 20":                              40 * time.Second,
		"Cache-Control: max-age=60|Date: " + at(-20*time.Second):         40 * time.Second,
		"Cache-Control: max-age=60|Age: 30|Date: " + at(-20*time.Second): 30 * time.Second,
		"Cache-Control: max-age=60|Age: 0, 0":                            0,
		"Cache-Control: max-age=60|Age: 0|Age: 0":                        0,
		"Cache-Control: max-age=60|Age: -1":                              0,
		"Cache-Control: max-age=60|Age: 1.5":                             0,
		"Cache-Control: max-age=60|Age: old":                             0,
		"Etag: \"1\"":                                                    0,
		"Last-Modified: " + at(-time.Hour):                               0,
	} {
		verdict := httpcache.Rules{}.Judge(nil, response(http.StatusOK, strings.Split(lines, "|")...), noon)
		if got := max(0, verdict.Fresh); got != want || verdict.Use != (want > 0) {
			t.Errorf("%s: fresh for %s, use %v; want %s", lines, got, verdict.Use, want)
		}
	}
}

// TestAge: time passes; a clock that was set back makes nothing fresh.
func TestAge(t *testing.T) {
	t.Parallel()
	kept := response(http.StatusOK, "Cache-Control: max-age=60", "Age: 10")
	kept.RequestedAt = noon.Add(-5 * time.Second)
	for after, want := range map[time.Duration]time.Duration{0: 15 * time.Second, 20 * time.Second: 35 * time.Second} {
		if got := kept.Age(noon.Add(after)); got != want {
			t.Errorf("age after %s = %s, want %s", after, got, want)
		}
	}
	if (httpcache.Rules{}).Judge(nil, kept, noon.Add(-time.Hour)).Use {
		t.Error("a response from the future is used")
	}
}

// TestMayStore: what may be kept (section 3).
func TestMayStore(t *testing.T) {
	t.Parallel()
	shared, private := httpcache.Rules{}, httpcache.Rules{Private: true}
	negative := httpcache.Rules{NegativeAge: time.Minute}
	for name, test := range map[string]struct {
		rules    httpcache.Rules
		request  string
		response *httpcache.Response
		want     bool
	}{
		"fresh":                      {shared, "", response(200, "Cache-Control: max-age=1"), true},
		"says nothing":               {shared, "", response(200), false},
		"default":                    {httpcache.Rules{DefaultAge: time.Second}, "", response(200), true},
		"validator":                  {shared, "", response(200, "ETag: \"1\""), true},
		"no-store":                   {shared, "", response(200, "Cache-Control: max-age=1, No-Store"), false},
		"no-store of the request":    {shared, "Cache-Control: no-store", response(200, "Cache-Control: max-age=1"), false},
		"no-cache":                   {shared, "", response(200, "Cache-Control: no-cache", "ETag: \"1\""), true},
		"no-cache without validator": {shared, "", response(200, "Cache-Control: no-cache"), false},
		"private, shared":            {shared, "", response(200, "Cache-Control: private, max-age=1"), false},
		"private, private":           {private, "", response(200, "Cache-Control: private, max-age=1"), true},
		"private with a field":       {shared, "", response(200, "Cache-Control: private=\"x\", max-age=1"), false},
		"cookie by default":          {httpcache.Rules{DefaultAge: time.Second}, "", response(200, "Set-Cookie: a=b"), false},
		"cookie and validator":       {shared, "", response(200, "ETag: \"1\"", "Set-Cookie: a=b"), false},
		"cookie, private":            {httpcache.Rules{Private: true, DefaultAge: time.Second}, "", response(200, "Set-Cookie: a=b"), true},
		"vary star":                  {private, "", response(200, "Cache-Control: max-age=1", "Vary: a, *"), false},
		"vary":                       {shared, "", response(200, "Cache-Control: max-age=1", "Vary: a"), true},
		"authorization":              {shared, "Authorization: x", response(200, "Cache-Control: max-age=1"), false},
		"authorization, private":     {private, "Authorization: x", response(200, "Cache-Control: max-age=1"), true},
		"authorization, public":      {shared, "Authorization: x", response(200, "Cache-Control: max-age=1, public"), true},
		"authorization, s-maxage":    {shared, "Authorization: x", response(200, "Cache-Control: s-maxage=1"), true},
		"part":                       {shared, "", response(206, "Cache-Control: max-age=1"), false},
		"not modified":               {shared, "", response(304, "Cache-Control: max-age=1"), false},
		"interim":                    {shared, "", response(103, "Cache-Control: max-age=1"), false},
		"not understood":             {shared, "", response(599, "Cache-Control: max-age=1, must-understand"), false},
		"missing":                    {shared, "", response(404), false},
		"missing, negative":          {negative, "", response(404), true},
		"gone, negative":             {negative, "", response(410), true},
		"failed, negative":           {negative, "", response(500), false},
		"error with an age":          {shared, "", response(503, "Cache-Control: max-age=1"), true},
		"error with a validator":     {shared, "", response(500, "ETag: \"1\""), false},
		"cookie":                     {shared, "", response(200, "Cache-Control: max-age=1", "Set-Cookie: a=b"), true},
	} {
		if got := test.rules.MayStore(header(test.request), test.response); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestJudge: what a kept response is good for once it is stale, or the request is choosy.
func TestJudge(t *testing.T) {
	t.Parallel()
	use, refresh, onError := httpcache.Verdict{Use: true}, httpcache.Verdict{Use: true, Refresh: true}, httpcache.Verdict{OnError: true}
	lax := httpcache.Rules{StaleWhileRevalidate: time.Minute, StaleIfError: time.Minute}
	for name, test := range map[string]struct {
		rules             httpcache.Rules
		request, response string
		want              httpcache.Verdict
	}{
		"stale":                      {httpcache.Rules{}, "", "max-age=10", httpcache.Verdict{}},
		"stale while revalidate":     {httpcache.Rules{}, "", "max-age=10, stale-while-revalidate=30", refresh},
		"too stale":                  {httpcache.Rules{}, "", "max-age=10, stale-while-revalidate=20", httpcache.Verdict{}},
		"stale if error":             {httpcache.Rules{}, "", "max-age=10, stale-if-error=30", onError},
		"by default":                 {lax, "", "max-age=10", refresh},
		"its own word":               {lax, "", "max-age=10, stale-while-revalidate=0, stale-if-error=0", httpcache.Verdict{}},
		"must revalidate":            {lax, "", "max-age=10, must-revalidate, stale-if-error=99", httpcache.Verdict{}},
		"s-maxage":                   {lax, "", "s-maxage=10", httpcache.Verdict{}},
		"proxy-revalidate":           {lax, "", "max-age=10, proxy-revalidate", httpcache.Verdict{}},
		"proxy-revalidate, private":  {httpcache.Rules{Private: true, StaleIfError: time.Minute}, "", "max-age=10, proxy-revalidate", onError},
		"no-cache":                   {lax, "", "max-age=99, no-cache", httpcache.Verdict{}},
		"request no-cache":           {httpcache.Rules{}, "no-cache", "max-age=99", httpcache.Verdict{}},
		"request max-age":            {httpcache.Rules{}, "max-age=29", "max-age=99", onError},
		"request max-age, enough":    {httpcache.Rules{}, "max-age=30", "max-age=99", use},
		"request min-fresh":          {httpcache.Rules{}, "min-fresh=70", "max-age=99", onError},
		"request min-fresh, enough":  {httpcache.Rules{}, "min-fresh=69", "max-age=99", use},
		"request max-stale":          {httpcache.Rules{}, "max-stale=20", "max-age=10", use},
		"request max-stale, any":     {httpcache.Rules{}, "max-stale", "max-age=10", use},
		"request max-stale, too old": {httpcache.Rules{}, "max-stale=19", "max-age=10", httpcache.Verdict{}},
		"request stale-if-error":     {httpcache.Rules{}, "stale-if-error=30", "max-age=10", onError},
	} {
		kept := response(http.StatusOK, "Cache-Control: "+test.response)
		got := test.rules.Judge(header("Cache-Control: "+test.request), kept, noon.Add(30*time.Second))
		got.Age, got.Fresh = 0, 0
		if got.Use {
			got.OnError = false // nobody asks
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestFreshened: a 304 renews what it brings, and leaves the body's fields alone.
func TestFreshened(t *testing.T) {
	t.Parallel()
	kept := response(http.StatusOK, "Cache-Control: max-age=1", "ETag: \"1\"", "Age: 9", "X-A: 1", "Content-Type: text/a", "Last-Modified: "+at(0))
	if want := header("If-None-Match: \"1\"", "If-Modified-Since: "+at(0)); !reflect.DeepEqual(kept.Conditions(), want) {
		t.Errorf("conditions = %v", kept.Conditions())
	}
	fresh := kept.Freshened(header("Cache-Control: max-age=5", "X-B: 2", "Content-Type: text/b", "Content-Length: 0", "ETag: \"2\"", "Connection: X-C", "X-C: 3", "Te: x"), noon.Add(time.Hour), noon.Add(time.Hour))
	want := header("Cache-Control: max-age=5", "ETag: \"1\"", "X-A: 1", "X-B: 2", "Content-Type: text/b", "Last-Modified: "+at(0))
	if !reflect.DeepEqual(fresh.Header, want) || kept.Header.Get("Age") != "9" || !(httpcache.Rules{}).Judge(nil, fresh, noon.Add(time.Hour)).Use {
		t.Errorf("header = %v", fresh.Header)
	}
}

// TestPassOn: a part of an answer may be kept by others as the upstream allows, and never longer than the shortest.
func TestPassOn(t *testing.T) {
	t.Parallel()
	own := httpcache.Rules{Private: true}
	for name, test := range map[string]struct {
		rules    httpcache.Rules
		request  string
		response *httpcache.Response
		want     string
	}{
		"fresh":              {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=60"), "max-age=50"},
		"shared":             {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=60, s-maxage=20"), "max-age=10"},
		"shared for longer":  {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=20, s-maxage=60"), "max-age=10"},
		"shared alone":       {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=0, s-maxage=60"), "no-store"},
		"cookie":             {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=60", "Set-Cookie: a=b"), "private, max-age=50"},
		"cookie by default":  {httpcache.Rules{DefaultAge: time.Minute}, "", response(200, "Set-Cookie: a=b"), "private, max-age=50"},
		"private":            {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=60, private"), "private, max-age=50"},
		"one caller's":       {own, "", response(200, "Cache-Control: max-age=60"), "private, max-age=50"},
		"authorized":         {httpcache.Rules{}, "Authorization: x", response(200, "Cache-Control: max-age=60"), "private, max-age=50"},
		"varies by the sent": {httpcache.Rules{}, "X-A: x", response(200, "Cache-Control: max-age=60", "Vary: x-a"), "private, max-age=50"},
		"varies by others":   {httpcache.Rules{}, "X-A: x", response(200, "Cache-Control: max-age=60", "Vary: Accept-Encoding"), "max-age=50"},
		"stale":              {httpcache.Rules{}, "", response(200, "Cache-Control: max-age=10"), "no-store"},
		"says nothing":       {httpcache.Rules{}, "", response(200), "no-store"},
		"no-store":           {httpcache.Rules{}, "", response(200, "Cache-Control: no-store"), "no-store"},
		"no-cache":           {httpcache.Rules{}, "", response(200, "Cache-Control: no-cache, max-age=60", "ETag: \"1\""), "no-store"},
		"by default":         {httpcache.Rules{DefaultAge: time.Minute}, "", response(200), "max-age=50"},
	} {
		if got := test.rules.PassOn(header(test.request), test.response, noon.Add(10*time.Second)).CacheControl(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	long, short := httpcache.Passing{MaxAge: time.Hour, Private: true}, httpcache.Passing{MaxAge: time.Minute}
	if got := long.With(short).CacheControl(); got != "private, max-age=60" {
		t.Errorf("both: %s", got)
	}
}

// FuzzControl: whatever is sent, no age is negative, and no-store is seen however it is dressed.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{`max-age=1, x="a,b"`, `,,=`, `"`, `x="\`, `max-age=99999999999999999999`, `max-stale`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		control := httpcache.ParseControl(http.Header{"Cache-Control": {text, "no-store"}})
		for _, limit := range []*time.Duration{control.MaxAge, control.SMaxAge, control.MinFresh, control.MaxStale, control.StaleWhileRevalidate, control.StaleIfError} {
			if limit != nil && (*limit < 0 || *limit > 1<<31*time.Second) {
				t.Errorf("%q: a limit of %s", text, *limit)
			}
		}
		if !control.NoStore {
			t.Errorf("%q hides no-store", text)
		}
	})
}
