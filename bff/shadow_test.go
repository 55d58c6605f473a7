package bff_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
)

const shadowRoute = `
  candidate: {rpcs: [fork.v1.Fork/Get], upstreams: {old: new}, shadow: true}
`

// result waits until so many candidates have come to a result.
func (f *fork) result(t *testing.T, result string, want int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d candidates are %s", want, result), func() bool {
		return f.counted(t, "sheaf.shadow")[result+" candidate fork.v1.Fork/Get"] >= want
	})
}

// TestShadow: what a candidate answers is compared by field. Clients see nothing of it, and operators no values.
func TestShadow(t *testing.T) {
	t.Parallel()
	f := openFork(t, shadowRoute, func(f *fork) {
		f.newHandle = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"title": "secret-title", "tags": ["a", "b", "c"]}`)
		}
	})
	var alone map[string]any
	for range 5 {
		response := post(t, f.house, forkGet, `{"id": "1"}`)
		if err := json.Unmarshal([]byte(readAll(t, response)), &alone); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(alone) != `map[note:n tags:[a b] title:old]` {
			t.Errorf("response = %v", alone)
		}
	}
	f.result(t, "different", 5)
	got := map[string][3]int{}
	for _, one := range f.server.Shadows() {
		if one.Route != "candidate" || one.RPC != "fork.v1.Fork/Get" || one.First.IsZero() || one.Last.Before(one.First) {
			t.Errorf("record = %+v", one)
		}
		got[one.Field] = [3]int{one.Missing, one.Extra, one.Different}
	}
	if want := (map[string][3]int{"title": {0, 0, 5}, "note": {5, 0, 0}, "tags[]": {0, 5, 0}}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("records = %v, want %v", got, want)
	}
	eventually(t, "it is logged", func() bool { return strings.Contains(f.logs.String(), "shadow answers something else") })
	contains(t, f.logs.String(), `"route":"candidate"`, `note: 1 missing`, `tags[]: 1 extra`, `title: 1 different`)
	if text := f.logs.String() + fmt.Sprint(f.server.Shadows()); strings.Contains(text, "secret-title") || strings.Count(text, "something else") != 1 {
		t.Errorf("logged, or remembered: %s", text)
	}
	if got := f.counted(t, "sheaf.routes"); got[" fork.v1.Fork/Get"] != 5 || len(got) != 1 {
		t.Errorf("sheaf.routes = %v", got)
	}
}

// TestShadowEqual: a candidate that answers the same is said to be equal, and nothing is logged.
func TestShadowEqual(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  candidate: {rpcs: [fork.v1.Fork/Get], binding: same, shadow: true}
`)
	_ = readAll(t, post(t, f.house, forkGet, `{"id": "1"}`))
	f.result(t, "equal", 1)
	if text := f.logs.String(); strings.Contains(text, "shadow") || len(f.server.Shadows()) != 0 {
		t.Errorf("logged: %s", text)
	}
}

// TestShadowFails: what goes wrong in the shadow is nobody's but operators' business.
func TestShadowFails(t *testing.T) {
	t.Parallel()
	f := openFork(t, shadowRoute, func(f *fork) {
		f.newHandle = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	})
	contains(t, readAll(t, post(t, f.house, forkGet, `{"id": "1"}`)), `"title":"old"`)
	f.result(t, "failed", 1)
	eventually(t, "it is logged", func() bool { return strings.Contains(f.logs.String(), "shadow failed") })
}

// TestShadowLarge: what is large is not compared, since that would take many times as much memory as the answer itself.
func TestShadowLarge(t *testing.T) {
	t.Parallel()
	large := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"title": "`+strings.Repeat("x", 600<<10)+`"}`)
	}
	for name, result := range map[string]string{"answer": "skipped", "candidate": "failed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openFork(t, shadowRoute, func(f *fork) {
				if name == "answer" {
					f.oldHandle = large
				} else {
					f.newHandle = large
				}
			})
			_ = readAll(t, post(t, f.house, forkGet, `{"id": "1"}`))
			f.result(t, result, 1)
			if name == "candidate" {
				eventually(t, "it is logged", func() bool { return strings.Contains(f.logs.String(), "too large to be compared") })
			}
		})
	}
}

// TestShadowPages: later pages are the answer's own, and are not compared; a token is equal to any other token.
func TestShadowPages(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  candidate: {rpcs: [fork.v1.Fork/List], upstreams: {old: new}, shadow: true}
`)
	_, token, _ := strings.Cut(readAll(t, post(t, f.house, forkList, `{}`)), `"nextPageToken":"`)
	contains(t, readAll(t, post(t, f.house, forkList, `{"pageToken": "`+strings.TrimSuffix(token, `"}`)+`"}`)), `"tags"`)
	eventually(t, "one is equal, and one is skipped", func() bool {
		counted := f.counted(t, "sheaf.shadow")
		return counted["equal candidate fork.v1.Fork/List"] == 1 && counted["skipped candidate fork.v1.Fork/List"] == 1
	})
}

// TestShadowPanics: a candidate that panics is one that failed.
func TestShadowPanics(t *testing.T) {
	t.Parallel()
	f := openFork(t, "\n  none: {rpcs: [fork.v1.Fork/Get], share: 0, binding: next}\n")
	binding := f.dir + "/bindings/next.yaml"
	content, err := os.ReadFile(binding)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binding, []byte(strings.Replace(string(content), "('next')", "boom(thing.title)", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &greeter{dir: f.dir}
	g.change(t, "sheaf.yaml", "share: 0", "shadow: true")
	boom := cel.Function("boom", cel.Overload("boom_dyn", []*cel.Type{cel.DynType}, cel.StringType, cel.UnaryBinding(func(ref.Val) ref.Val { panic("boom") })))
	h := serve(t, f.dir, bff.WithExpressions(boom))
	for range 3 {
		contains(t, readAll(t, post(t, h, forkGet, `{"id": "1"}`)), `"title":"old"`)
	}
	eventually(t, "it is told", func() bool { return strings.Contains(h.logs.String(), `"route":"none"`) })
}

// TestShadowHangs: candidates that hang hold nobody up, take a few places and no more, and end with their world.
func TestShadowHangs(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{}, 1000)
	f := openFork(t, shadowRoute, func(f *fork) {
		f.newHandle = func(_ http.ResponseWriter, r *http.Request) {
			hanging <- struct{}{}
			<-r.Context().Done()
		}
	})
	const calls, places = 60, 16
	for i := range calls { // each of its own, so that none is shared
		contains(t, readAll(t, post(t, f.house, forkGet, fmt.Sprintf(`{"id": "%d"}`, i))), `"title":"old"`)
	}
	f.result(t, "dropped", calls-places)
	for range places {
		<-hanging
	}
	if _, err := f.server.Reload(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	f.result(t, "dropped", calls) // those of the old world
	contains(t, readAll(t, post(t, f.house, forkGet, `{"id": "1"}`)), `"title":"old"`)
	<-hanging // what is in the shadow now ends when the server closes, or the test never does
}

// TestShadowLoad: under load, every answer is its own: the bytes of an answer that has been sent are used again.
func TestShadowLoad(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"title": %q, "note": %q}`, r.URL.Path, strings.Repeat("x", len(r.URL.Path)*100))
	}
	f := openFork(t, shadowRoute, func(f *fork) { f.oldHandle, f.newHandle = echo, echo })
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := range 100 {
				id := strconv.Itoa(client*1000 + i*i)
				got := f.unary(t, id, false, connect.WithGRPC()) // which sends the bytes as they are
				contains(t, got, fmt.Sprintf("%x", "/things/"+id))
			}
		})
	}
	clients.Wait()
	eventually(t, "all have ended", func() bool {
		total := int64(0)
		for _, count := range f.counted(t, "sheaf.shadow") {
			total += count
		}
		return total == 400
	})
	counted := f.counted(t, "sheaf.shadow")
	t.Log(counted)
	if counted["different candidate fork.v1.Fork/Get"] != 0 || counted["failed candidate fork.v1.Fork/Get"] != 0 || counted["equal candidate fork.v1.Fork/Get"] == 0 {
		t.Errorf("sheaf.shadow = %v; %v", counted, f.server.Shadows())
	}
}
