package upstreams_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a secret that must never leave in anything but the header of a request.
const canary = "canary-7f3a9c"

func open(tb testing.TB, handler http.HandlerFunc, change func(*upstreams.Config)) *upstreams.Client {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	config := upstreams.Config{Name: "things", BaseURL: server.URL + "/base", Private: true}
	if change != nil {
		change(&config)
	}
	client, err := upstreams.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

func fixed(text string) upstreams.Secret {
	return upstreams.Secret{Source: secret.Fixed(secret.NewValue(text))}
}

func get(path string) *upstreams.Request {
	return &upstreams.Request{Name: "thing", Template: "/things/{id}", Method: http.MethodGet, Path: path}
}

func kind(err error) upstreams.Kind {
	if failure, ok := errors.AsType[*upstreams.Error](err); ok {
		return failure.Kind
	}
	return ""
}

// TestRequest: what is declared reaches the wire exactly as it is, and nothing else does.
func TestRequest(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		var got *http.Request
		var body []byte
		client := over.open(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, "{}")
		}, func(config *upstreams.Config) {
			config.Header = http.Header{"X-Fixed": {"1"}, "Accept": {"application/vnd.things+json"}}
			config.Credential = upstreams.BearerCredential{Secret: fixed(canary)}
		})
		request := get("/things/a%2Fb%2e%2e/..%2F")
		request.Method, request.Query, request.Body = http.MethodPost, "q=1&q=2", []byte(`{"a":1}`)
		request.Header = http.Header{"x-call": {"yes"}, "Authorization": {"mine"}}
		if _, err := client.Do(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if want := "/base/things/a%2Fb%2e%2e/..%2F?q=1&q=2"; got.RequestURI != want {
			t.Errorf("request URI = %s, want %s", got.RequestURI, want)
		}
		for name, want := range map[string]string{
			"X-Fixed": "1", "X-Call": "yes", "Accept": "application/vnd.things+json", "Authorization": "Bearer " + canary,
			"Content-Type": "application/json", "User-Agent": "sheaf",
		} {
			if got := got.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if string(body) != `{"a":1}` {
			t.Errorf("body = %s", body)
		}
	})
}

// TestHeaderInjection: a value that could end its header is refused before anything is sent.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		client := over.open(t, func(http.ResponseWriter, *http.Request) { t.Error("the upstream was touched") }, nil)
		for name, value := range map[string]string{"X-A": "b\r\nX-C: d", "Host": "elsewhere", "Content-Length": "7", "bad name": "x", "Connection": "close"} {
			request := get("/things/1")
			request.Header = http.Header{name: {value}}
			if _, err := client.Do(t.Context(), request); kind(err) != upstreams.KindBadRequest {
				t.Errorf("%s: error = %v, want a bad request", name, err)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"ftp://things": "scheme", "http://": "no host", "//things": "scheme", "http://u:" + canary + "@things": "credentials",
		"http://things?x=1": "query", "http://things#x": "fragment", "http://th ings:" + canary: "no URL",
	} {
		_, err := upstreams.New(upstreams.Config{Name: "things", BaseURL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: error = %v, want one that says %q and no secret", url, err, want)
		}
	}
}

// TestEnvironmentProxyIgnored: where a call goes is declared, nowhere else.
func TestEnvironmentProxyIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	client := open(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, nil)
	if _, err := client.Do(t.Context(), get("/things/1")); err != nil {
		t.Fatal(err)
	}
}

// TestBreaker: it opens after enough failures, and then refuses without a try.
func TestBreaker(t *testing.T) {
	t.Parallel()
	asked := 0
	client := open(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusInternalServerError)
	}, func(config *upstreams.Config) {
		config.Breaker = upstreams.BreakerConfig{MinRequests: 4, FailureRatio: 0.5, Window: time.Hour, OpenFor: time.Hour}
	})
	for range 10 {
		_, _ = client.Do(t.Context(), get("/things/1"))
	}
	if asked != 4 || client.BreakerState("") != "open" {
		t.Fatalf("asked %d times, breaker is %s; want 4 times and open", asked, client.BreakerState(""))
	}
	_, err := client.Do(t.Context(), get("/things/1"))
	failure, _ := errors.AsType[*upstreams.Error](err)
	if failure == nil || failure.Kind != upstreams.KindUnavailable || failure.RetryAfter <= 0 || failure.RetryAfter > time.Hour {
		t.Errorf("error = %v, want one with the time until a probe", err)
	}
}

// TestBreakerRecovers: after a while a probe is let through, and if that is well, so is everything.
func TestBreakerRecovers(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusInternalServerError)
	var logged bytes.Buffer
	client := open(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }, func(config *upstreams.Config) {
		config.Breaker = upstreams.BreakerConfig{MinRequests: 1, OpenFor: time.Millisecond}
		config.Logger = slog.New(slog.NewJSONHandler(&logged, nil))
	})
	_, _ = client.Do(t.Context(), get("/things/1"))
	status.Store(http.StatusOK)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for client.BreakerState("") != "closed" {
		_, _ = client.Do(ctx, get("/things/1"))
		if ctx.Err() != nil {
			t.Fatal("the breaker did not close")
		}
	}
	if !strings.Contains(logged.String(), `"to":"open"`) || !strings.Contains(logged.String(), `"to":"closed"`) {
		t.Errorf("log = %s", logged.String())
	}
}

// TestBreakerIgnores: what is the caller's doing, and 4xx, say nothing about the upstream.
func TestBreakerIgnores(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		client := over.open(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/base/hang" {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}, func(config *upstreams.Config) { config.Breaker.MinRequests = 1 })
		for range 5 {
			if _, err := client.Do(t.Context(), get("/missing")); kind(err) != upstreams.KindNotFound {
				t.Errorf("error = %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			if _, err := client.Do(ctx, get("/hang")); !errors.Is(err, context.DeadlineExceeded) || kind(err) != upstreams.KindTimeout {
				t.Errorf("error = %v, want the caller's deadline", err)
			}
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(5*time.Millisecond, cancel)
			if _, err := client.Do(ctx, get("/hang")); !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v, want the caller's cancellation", err)
			}
		}
		if client.BreakerState("") != "closed" {
			t.Errorf("breaker is %s", client.BreakerState(""))
		}
	})
}

// TestTimeout: the upstream's own timeout, or the call's shorter one, is the upstream's fault.
func TestTimeout(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		slow := over.open(t, hang, func(config *upstreams.Config) { config.Timeout = 10 * time.Millisecond; config.Breaker.MinRequests = 2 })
		request := get("/things/1")
		for range 2 {
			if _, err := slow.Do(t.Context(), request); kind(err) != upstreams.KindTimeout {
				t.Errorf("error = %v, want a timeout", err)
			}
		}
		if slow.BreakerState("") != "open" {
			t.Errorf("breaker is %s, want open", slow.BreakerState(""))
		}
		request.Timeout = 10 * time.Millisecond
		if _, err := over.open(t, hang, nil).Do(t.Context(), request); kind(err) != upstreams.KindTimeout {
			t.Errorf("error = %v, want a timeout", err)
		}
	})
}

// TestHangsUntilCallersDeadline: an upstream that had at least half of its own time, and did not use it, is to blame.
func TestHangsUntilCallersDeadline(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		client := over.open(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(config *upstreams.Config) { config.Timeout = 400 * time.Millisecond; config.Breaker.MinRequests = 2 })
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 380*time.Millisecond)
			if _, err := client.Do(ctx, get("/things/1")); kind(err) != upstreams.KindTimeout {
				t.Errorf("error = %v, want a timeout", err)
			}
			cancel()
		}
		if client.BreakerState("") != "open" {
			t.Errorf("breaker is %s, want open", client.BreakerState(""))
		}
	})
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	overEach(t, false, func(t *testing.T, over over) {
		t.Helper()
		client := over.open(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, nil)
		request := get("/things/1")
		request.AbsentOn = []int{http.StatusNotFound}
		answer, err := client.Do(t.Context(), request)
		if err != nil || !answer.Absent || answer.Status != http.StatusNotFound {
			t.Errorf("answer = %v, error = %v", answer, err)
		}
	})
}

// TestObservation: a span and a measurement of each call by OpenTelemetry's conventions, and no secret in any of them.
func TestObservation(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	reader := metric.NewManualReader()
	client := open(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, func(config *upstreams.Config) {
		config.TracerProvider, config.MeterProvider = tracers, metric.NewMeterProvider(metric.WithReader(reader))
		config.Credential = upstreams.HeaderCredential{Name: "X-Api-Key", Secret: fixed(canary)}
		config.Breaker.MinRequests = 1
	})
	request := get("/things/1")
	request.Query = "token=private"
	_, err := client.Do(t.Context(), request)
	_, refused := client.Do(t.Context(), request)
	recorded := spans.GetSpans()
	if len(recorded) != 2 || recorded[0].Name != "GET /things/{id}" || recorded[1].Status.Code.String() != "Error" {
		t.Fatalf("spans = %v", recorded)
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	everything := fmt.Sprintf("%+v %+v %v %v %#v", recorded, data, err, refused, client)
	for _, want := range []string{"http.client.request.duration", "sheaf.breaker.changes", "http.request.method", "server.address", "error.type"} {
		if !strings.Contains(everything, want) {
			t.Errorf("%s is missing", want)
		}
	}
	spansAndErrors := fmt.Sprintf("%+v %+v %v %v", recorded, data, err, refused)
	if strings.Contains(spansAndErrors, canary) || strings.Contains(spansAndErrors, "private") {
		t.Error("a secret or a query value leaked")
	}
}

func BenchmarkDo(b *testing.B) {
	client := open(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"a":1}`) }, nil)
	request := get("/things/1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Do(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenBreaker: what a call costs while its upstream is known to be down.
func BenchmarkOpenBreaker(b *testing.B) {
	client := open(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		func(config *upstreams.Config) {
			config.Breaker = upstreams.BreakerConfig{MinRequests: 1, OpenFor: time.Hour}
		})
	request := get("/things/1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Do(b.Context(), request); err == nil {
			b.Fatal("no error")
		}
	}
}
