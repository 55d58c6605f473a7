package social_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/social"
	"github.com/sheaf-rpc/sheaf/examples/social/pretend"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// mutator changes what platforms answer: one place in one answer at a time.
type mutator struct {
	mu sync.Mutex
	// number is which answer of an RPC is changed, from 0, and change how; nil leaves all as they are.
	number int
	change func(any) any
	// answers are those of the last RPC.
	answers []any
}

func (m *mutator) begin(number int, change func(any) any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number, m.change, m.answers = number, change, nil
}

func (m *mutator) front(t *testing.T, platform http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		platform.ServeHTTP(recorder, r)
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(m.mutate(recorder.Body.Bytes()))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (m *mutator) mutate(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return body
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers = append(m.answers, document)
	if m.change == nil || len(m.answers)-1 != m.number {
		return body
	}
	changed, _ := json.Marshal(m.change(document))
	return changed
}

// mutations are what can become of a value.
var mutations = map[string]func(any) any{
	"null": func(any) any { return nil }, "number": func(any) any { return json.Number("-7.25") }, "huge": func(any) any { return json.Number("1e400") },
	"bool": func(value any) any { return value != true }, "list": func(value any) any { return []any{value} },
	"object": func(value any) any { return map[string]any{"value": value} }, "removed": func(any) any { return removed{} },
	"renamed": func(value any) any { return renamed{value} },
}

type (
	removed struct{}
	renamed struct{ value any }
)

// places calls f for every place in a document but its root, with a function that gives a copy of the document changed there.
func places(document any, path string, rebuild func(any) any, f func(path string, change func(any) any, value any)) {
	switch value := document.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			change := func(to any) any {
				copied := maps.Clone(value)
				copied[key] = to
				if other, ok := to.(renamed); ok {
					copied["other_"+key], to = other.value, removed{}
				}
				if to == (removed{}) {
					delete(copied, key)
				}
				return rebuild(copied)
			}
			f(path+"."+key, change, value[key])
			places(value[key], path+"."+key, change, f)
		}
	case []any:
		for i := range value {
			change := func(to any) any {
				copied := slices.Clone(value)
				if other, ok := to.(renamed); ok {
					to = other.value
				}
				copied[i] = to
				if to == (removed{}) {
					copied = slices.Delete(copied, i, i+1)
				}
				return rebuild(copied)
			}
			f(fmt.Sprintf("%s[%d]", path, i), change, value[i])
			places(value[i], fmt.Sprintf("%s[%d]", path, i), change, f)
		}
	}
}

// TestTruth changes every value of every answer that reading takes, in turn. Never is there an internal error, and never
// another value than before without a report: a field is gone, or the RPC says what is wrong.
func TestTruth(t *testing.T) {
	t.Parallel()
	for _, one := range providers {
		t.Run(one.platform, func(t *testing.T) {
			t.Parallel()
			world := pretend.NewWorld(func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) })
			mutator := &mutator{}
			started, err := world.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = started.Close() }()
			started.Addresses[one.platform] = mutator.front(t, world.Handler(one.platform))
			server, err := bff.Open(plantest.Patient(t, social.Files()), bff.WithLookupEnv(started.LookupEnv), bff.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			world.Seed(one.platform, []pretend.Post{
				{Text: "first", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Likes: 3, Reposts: 2, Replies: 1, Views: 9},
				{Text: "second", CreatedAt: time.Date(2026, 2, 2, 3, 4, 5, 0, time.UTC), Likes: 4},
			})
			tried := 0
			for rpc, request := range readings(one.provider.String(), accounts[one.provider], world.Posts(one.platform)[1].ID) {
				tried += tryMutations(t, server, mutator, rpc, request)
			}
			if tried < 50 {
				t.Errorf("tried %d mutations, want at least 50", tried)
			}
		})
	}
}

// readings are the RPCs that change nothing.
func readings(provider, account, id string) map[string]string {
	named := fmt.Sprintf(`{"account": {"provider": %q, "accountId": %q}, "id": %q}`, provider, account, id)
	owner := fmt.Sprintf(`{"provider": %q, "accountId": %q}`, provider, account)
	return map[string]string{
		"GetPost": named, "GetMetrics": named, "GetProfile": `{"account": ` + owner + `}`, "ListPosts": `{"accounts": [` + owner + `]}`,
	}
}

func tryMutations(t *testing.T, server *bff.Server, mutator *mutator, rpc, request string) int {
	t.Helper()
	mutator.begin(0, nil)
	original, err := server.Call(t.Context(), rpc, []byte(request))
	if err != nil {
		return 0 // the provider cannot do it
	}
	want := leavesOf(t, original.Response)
	tried := 0
	for number, answer := range slices.Clone(mutator.answers) {
		places(answer, rpc, func(changed any) any { return changed }, func(path string, change func(any) any, value any) {
			for name, mutate := range mutations {
				tried++
				mutator.begin(number, func(any) any { return change(mutate(value)) })
				report, err := server.Call(t.Context(), rpc, []byte(request))
				if err != nil {
					if strings.Contains(err.Error(), "internal error") {
						t.Errorf("%s made %s: %v", path, name, err)
					}
					continue
				}
				if report.Partial != nil {
					continue
				}
				for leaf, got := range leavesOf(t, report.Response) {
					if before, known := want[leaf]; known && before != got && !isPlausible(leaf, path, name) {
						t.Errorf("%s made %s: %s is %s, was %s, and nothing says so", path, name, leaf, got, before)
					}
				}
			}
		})
	}
	return tried
}

// isPlausible reports whether a value may differ without a word: posts move up where one is gone, a count that a platform
// leaves out when it is zero is zero, and -7.25 milliseconds are a time as good as any.
func isPlausible(leaf, path, mutation string) bool {
	gone := mutation == "removed" || mutation == "renamed" || mutation == "null"
	leftOut := strings.HasPrefix(path, "GetMetrics.shares") || strings.HasPrefix(path, "GetMetrics.reactions")
	return leaf == ".nextPageToken" || strings.HasPrefix(leaf, ".posts[") && gone || (gone || mutation == "object") && leftOut ||
		strings.HasSuffix(path, ".createdAt") && mutation == "number"
}

// leavesOf are the values in a response by their paths.
func leavesOf(t *testing.T, response []byte) map[string]string {
	t.Helper()
	var document any
	if err := json.Unmarshal(response, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var visit func(path string, value any)
	visit = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				visit(path+"."+key, member)
			}
		case []any:
			for i, element := range value {
				visit(fmt.Sprintf("%s[%d]", path, i), element)
			}
		default:
			found[path] = fmt.Sprint(value)
		}
	}
	visit("", document)
	return found
}
