package bff_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// fork is a project with two upstreams that answer the same requests, and two bindings.
type fork struct {
	*house
	dir    string
	reader *metric.ManualReader
	spans  *tracetest.InMemoryExporter
	// handles are what upstreams do instead of answering with their own name; nil for that.
	oldHandle, newHandle http.HandlerFunc
	oldCalls, newCalls   atomic.Int64
}

const forkContract = `
-- proto/fork.proto --
syntax = "proto3";
package fork.v1;
service Fork {
  rpc Get(GetRequest) returns (Thing) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc List(ListRequest) returns (Listed) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message GetRequest {
  string id = 1;
  string tenant = 2;
}
message Thing {
  optional string title = 1;
  optional string note = 2;
  repeated string tags = 3;
}
message ListRequest {
  int32 page_size = 1;
  string page_token = 2;
}
message Listed {
  repeated string tags = 1;
  string next_page_token = 2;
}
-- bindings/fork.yaml --
service: fork.v1.Fork
rpcs:
  Get:
    cost: 2
    timeout: 20s
    calls: {thing: {get: "old:/things/${request.id}"}}
    response: {title: thing.title, note: thing.note, tags: thing.tags}
  List:
    pages: {next: listed.next}
    calls: {listed: {get: "old:/list", query: {size: "${page.size}", after: "${page.cursor}"}}}
    response: {tags: listed.tags}
-- bindings/next.yaml --
service: fork.v1.Fork
name: next
rpcs:
  Get:
    cost: 5
    timeout: 20s
    calls: {thing: {get: "new:/v2/things/${request.id}"}}
    response: {title: thing.title, note: ('next'), tags: thing.tags}
-- bindings/same.yaml --
service: fork.v1.Fork
name: same
rpcs:
  Get:
    cost: 2
    timeout: 20s
    calls: {thing: {get: "old:/things/${request.id}"}}
    response: {title: thing.title, note: thing.note, tags: thing.tags}
`

const (
	forkGet  = "/fork.v1.Fork/Get"
	forkList = "/fork.v1.Fork/List"
)

func openFork(t *testing.T, routes string, change ...func(*fork)) *fork {
	t.Helper()
	f := &fork{reader: metric.NewManualReader(), spans: tracetest.NewInMemoryExporter()}
	for _, one := range change {
		one(f)
	}
	upstream := func(name string, calls *atomic.Int64, handle http.HandlerFunc) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if handle != nil {
				handle(w, r)
				return
			}
			_, _ = fmt.Fprintf(w, `{"title": %q, "note": "n", "tags": ["a", "b"], "next": "more"}`, name)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	f.dir = plantest.Write(t, forkContract+"-- sheaf.yaml --\n"+`contract: proto
bindings: bindings
upstreams:
  old: {base_url: `+upstream("old", &f.oldCalls, f.oldHandle)+`, network: private, cache: {default_age: 1h}, breaker: {min_requests: 100000}}
  new:
    base_url: `+upstream("new", &f.newCalls, f.newHandle)+`
    network: private
    cache: {default_age: 1h}
    errors: [{status: [418], code: ABORTED, message: a teapot}]
routes:
`+routes)
	f.house = serve(t, f.dir, bff.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(f.reader))),
		bff.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(f.spans))))
	return f
}

// get asks by GET, with headers as pairs.
func (f *fork) get(t *testing.T, message string, headers ...string) *http.Response {
	t.Helper()
	query := url.Values{"connect": {"v1"}, "encoding": {"json"}, "message": {message}}
	request, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, f.url+forkGet+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := f.http1.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// counted are the values of a counter, by the values of its attributes.
func (f *fork) counted(t *testing.T, name string) map[string]int64 {
	t.Helper()
	var measured metricdata.ResourceMetrics
	if err := f.reader.Collect(t.Context(), &measured); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range measured.ScopeMetrics {
		for _, one := range scope.Metrics {
			sum, ok := one.Data.(metricdata.Sum[int64])
			if one.Name != name || !ok {
				continue
			}
			for _, point := range sum.DataPoints {
				var key []string
				for _, attribute := range point.Attributes.ToSlice() {
					key = append(key, attribute.Value.AsString())
				}
				values[strings.Join(key, " ")] = point.Value
			}
		}
	}
	return values
}

// TestRoutes: the first route that is about a request takes it; the rest is answered as ever.
func TestRoutes(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  stable: {rpcs: [fork.v1.Fork/Get], when: 'request.tenant == "careful"'}
  canary: {rpcs: [fork.v1.Fork/Get], when: 'headers["x-canary"] == "1"', binding: next}
  tenant: {rpcs: [fork.v1.Fork/Get], when: 'request.tenant == "acme"', upstreams: {old: new}}
  nobody: {rpcs: [fork.v1.Fork/Get], share: 0, binding: next}
`)
	plain, canary, acme := `"title":"old","note":"n"`, `"title":"new","note":"next"`, `"title":"new","note":"n"`
	for _, test := range []struct{ message, header, want string }{
		{`{"id": "1"}`, "", plain}, {`{"id": "1"}`, "1", canary}, {`{"id": "1"}`, "0", plain}, {`{"id": "1", "tenant": "acme"}`, "", acme},
		{`{"id": "1", "tenant": "acme"}`, "1", canary}, {`{"id": "1", "tenant": "careful"}`, "1", plain}, {`{"id": "2"}`, "", plain},
	} {
		response := f.get(t, test.message, "X-Canary", test.header)
		if got := response.Header.Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("Cache-Control = %q", got)
		}
		contains(t, readAll(t, response), test.want)
	}
	want := map[string]int64{"canary fork.v1.Fork/Get": 2, "stable fork.v1.Fork/Get": 1, "tenant fork.v1.Fork/Get": 1, " fork.v1.Fork/Get": 3}
	if got := f.counted(t, "sheaf.routes"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sheaf.routes = %v, want %v", got, want)
	}
	routed := 0
	for _, span := range f.spans.GetSpans() {
		for _, attribute := range span.Attributes {
			if attribute.Key == "sheaf.route" {
				routed++
			}
		}
	}
	if routed != 4 {
		t.Errorf("%d spans say a route, want 4", routed)
	}
}

// TestRouteByRequest: where the message alone decides, caches may keep what they may keep without routes.
func TestRouteByRequest(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  tenant: {rpcs: [fork.v1.Fork/Get], when: 'request.tenant == "acme"', binding: next}
`)
	for _, message := range []string{`{"id": "1"}`, `{"id": "1", "tenant": "acme"}`} {
		response := f.get(t, message)
		_ = readAll(t, response)
		if got := response.Header.Get("Cache-Control"); !strings.HasPrefix(got, "max-age=") {
			t.Errorf("%s: Cache-Control = %q", message, got)
		}
	}
}

// TestRouteSticky: one key always comes to the same place, in another process, too; a growing share only adds keys.
func TestRouteSticky(t *testing.T) {
	t.Parallel()
	among := map[string]bool{}
	for _, share := range []float64{0.1, 0.5} {
		one := openFork(t, fmt.Sprintf("\n  canary: {rpcs: [fork.v1.Fork/Get], share: %g, sticky: 'headers[\"x-user\"]', binding: next}\n", share))
		for range 2 {
			for i := range 60 {
				user := fmt.Sprint("user-", i)
				isCanary := strings.Contains(readAll(t, one.get(t, `{"id": "1"}`, "X-User", user)), `"next"`)
				if was, known := among[user]; known && was && !isCanary {
					t.Errorf("%s has left the share", user)
				}
				among[user] = isCanary
			}
		}
		if strings.Contains(readAll(t, one.get(t, `{"id": "1"}`)), `"next"`) {
			t.Error("a request without a key is among the share")
		}
	}
	count := 0
	for _, isCanary := range among {
		if isCanary {
			count++
		}
	}
	if count < 20 || count > 40 {
		t.Errorf("%d of 60 are among a half", count)
	}
}

// TestRouteCaches: caches, and requests that are shared, never give the answer of one route to a client of another.
func TestRouteCaches(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  canary: {rpcs: [fork.v1.Fork/Get], when: '"x-canary" in headers', upstreams: {old: new}}
`)
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			want, headers := `"title":"old"`, []string(nil)
			if i%2 == 1 {
				want, headers = `"title":"new"`, []string{"X-Canary", "1"}
			}
			contains(t, readAll(t, f.get(t, `{"id": "1"}`, headers...)), want)
		})
	}
	clients.Wait()
	if f.oldCalls.Load() != 1 || f.newCalls.Load() != 1 {
		t.Errorf("%d and %d requests to upstreams", f.oldCalls.Load(), f.newCalls.Load())
	}
	tag := f.get(t, `{"id": "1"}`)
	_ = readAll(t, tag)
	response := f.get(t, `{"id": "1"}`, "X-Canary", "1", "If-None-Match", tag.Header.Get("ETag"))
	contains(t, readAll(t, response), `"title":"new"`)
}

// TestRouteErrors: what an answer means is said by the rules of the upstream that gave it.
func TestRouteErrors(t *testing.T) {
	t.Parallel()
	teapot := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	f := openFork(t, `
  canary: {rpcs: [fork.v1.Fork/Get], when: '"x-canary" in headers', upstreams: {old: new}}
`, func(f *fork) { f.oldHandle, f.newHandle = teapot, teapot })
	contains(t, readAll(t, f.get(t, `{"id": "1"}`)), `"internal"`)
	contains(t, readAll(t, f.get(t, `{"id": "1"}`, "X-Canary", "1")), `"aborted"`, "a teapot")
	contains(t, f.logs.String(), `"upstream":"new"`)
}

// TestRoutePages: a page token is good for the route that made it, and refused by others in plain words.
func TestRoutePages(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  canary: {rpcs: [fork.v1.Fork/List], when: '"x-canary" in headers', upstreams: {old: new}}
`)
	ask := func(token string, isCanary bool) string {
		request, err := http.NewRequestWithContext(withDeadline(t), http.MethodPost, f.url+forkList, strings.NewReader(`{"pageToken": "`+token+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if isCanary {
			request.Header.Set("X-Canary", "1")
		}
		response, err := f.http1.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, response)
	}
	for _, made := range []bool{false, true} {
		_, token, found := strings.Cut(ask("", made), `"nextPageToken":"`)
		token = strings.TrimSuffix(token, `"}`)
		if !found {
			t.Fatalf("no token: %s", token)
		}
		contains(t, ask(token, made), `"tags":["a","b"]`)
		contains(t, ask(token, !made), "invalid_argument", "begin without one")
	}
}

// TestRouteReload: a reload changes routes.
func TestRouteReload(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  canary: {rpcs: [fork.v1.Fork/Get], share: 0, binding: next}
`)
	for _, share := range []string{"share: 0", "share: 1", "share: 0"} {
		g := &greeter{dir: f.dir}
		was := g.read(t, "sheaf.yaml")
		at := strings.Index(was, "share: ")
		g.write(t, "sheaf.yaml", was[:at]+share+was[at+len(share):])
		if _, err := f.server.Reload(withDeadline(t)); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, f.get(t, `{"id": "1"}`))
		if isCanary := strings.Contains(got, `"next"`); isCanary != (share == "share: 1") {
			t.Errorf("%s: %s", share, got)
		}
	}
}

// TestRouteToSame: a route to an equal binding answers with the same bytes, in every protocol.
func TestRouteToSame(t *testing.T) {
	t.Parallel()
	f := openFork(t, `
  same: {rpcs: [fork.v1.Fork/Get], when: '"x-same" in headers', binding: same}
`, func(f *fork) {
		f.oldHandle = func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/broken"):
				w.WriteHeader(http.StatusInternalServerError)
			case strings.HasSuffix(r.URL.Path, "/drift"):
				_, _ = io.WriteString(w, `{"title": {"no": "text"}, "tags": 7}`)
			default:
				_, _ = io.WriteString(w, `{"title": "t", "tags": ["a"]}`)
			}
		}
	})
	for _, id := range []string{"1", "broken", "drift", "..", ""} {
		for _, option := range []connect.ClientOption{connect.WithProtoJSON(), connect.WithGRPC(), connect.WithGRPCWeb(), connect.WithHTTPGet()} {
			if got, want := f.unary(t, id, true, option), f.unary(t, id, false, option); got != want {
				t.Errorf("%q: %s\nby the route, but\n%s\nwithout", id, got, want)
			}
		}
	}
}

// unary calls Get, and returns all that comes of it. An empty message keeps the fields that it does not know.
func (f *fork) unary(t *testing.T, id string, isSame bool, option connect.ClientOption) string {
	t.Helper()
	client := connect.NewClient[emptypb.Empty, emptypb.Empty](f.h2c, f.url+forkGet, option, connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	message := &emptypb.Empty{}
	if id != "" {
		message.ProtoReflect().SetUnknown(append([]byte{0x0a, byte(len(id))}, id...))
	}
	request := connect.NewRequest(message)
	if isSame {
		request.Header().Set("X-Same", "1")
	}
	response, err := client.CallUnary(withDeadline(t), request)
	if err != nil {
		failure := err.(*connect.Error) //nolint:errorlint,forcetypeassert // connect's clients give no other
		texts := []string{failure.Error()}
		for _, detail := range failure.Details() {
			texts = append(texts, fmt.Sprintf("%s %x", detail.Type(), detail.Bytes()))
		}
		return strings.Join(texts, " ")
	}
	return fmt.Sprintf("%x %v", response.Msg.ProtoReflect().GetUnknown(), response.Header().Values("Sheaf-Partial"))
}

// TestVersions: two versions of a contract are served side by side, over the same upstreams.
func TestVersions(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"name": "Mug", "cents": 1250}`)
	}))
	t.Cleanup(upstream.Close)
	h := serve(t, plantest.Write(t, `
-- sheaf.yaml --
contract: proto
bindings: bindings
upstreams: {catalog: {base_url: "`+upstream.URL+`", network: private}}
-- proto/shop/v1/shop.proto --
syntax = "proto3";
package shop.v1;
service Shop { rpc Get(GetRequest) returns (Product); }
message GetRequest { string id = 1; }
message Product { string name = 1; int64 cents = 2; }
-- proto/shop/v2/shop.proto --
syntax = "proto3";
package shop.v2;
service Shop { rpc Get(GetRequest) returns (Product); }
message GetRequest { string product_id = 1; }
message Product { string title = 1; Price price = 2; }
message Price { int64 units = 1; int32 nanos = 2; }
-- bindings/shop_v1.yaml --
service: shop.v1.Shop
rpcs:
  Get:
    calls: {product: {get: "catalog:/products/${request.id}"}}
    response: {name: product.name, cents: product.cents}
-- bindings/shop_v2.yaml --
service: shop.v2.Shop
rpcs:
  Get:
    calls: {product: {get: "catalog:/products/${request.product_id}"}}
    response:
      title: product.name
      price: {units: product.cents / 100, nanos: (product.cents % 100) * 10000000}
`))
	if got := readAll(t, post(t, h, "/shop.v1.Shop/Get", `{"id": "1"}`)); got != `{"name":"Mug","cents":"1250"}` {
		t.Errorf("v1: %s", got)
	}
	if got := readAll(t, post(t, h, "/shop.v2.Shop/Get", `{"productId": "1"}`)); got != `{"title":"Mug","price":{"units":"12","nanos":500000000}}` {
		t.Errorf("v2: %s", got)
	}
}

// TestRouteCost: an RPC costs what the dearest of all that may answer costs.
func TestRouteCost(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	f := openFork(t, `
  canary: {rpcs: [fork.v1.Fork/Get], share: 0, binding: next}
  trial: {rpcs: [fork.v1.Fork/Get], share: 0, upstreams: {old: new}, shadow: true}
`, func(f *fork) {
		f.oldHandle = func(w http.ResponseWriter, _ *http.Request) {
			entered <- struct{}{}
			<-leave
			_, _ = io.WriteString(w, `{}`)
		}
	})
	g := &greeter{dir: f.dir}
	g.change(t, "sheaf.yaml", "contract: proto", "contract: proto\nserver: {max_work: 9}") // two of the binding, and one with the route
	if _, err := f.server.Reload(withDeadline(t)); err != nil {
		t.Fatal(err)
	}
	var first sync.WaitGroup
	first.Go(func() { contains(t, readAll(t, post(t, f.house, forkGet, `{"id": "1"}`)), "{}") })
	<-entered
	contains(t, readAll(t, post(t, f.house, forkGet, `{"id": "2"}`)), "resource_exhausted")
	close(leave)
	first.Wait()
}
