package upstreams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sheaf-rpc/sheaf/internal/secret"
)

// patience bounds every test that waits for something.
const patience = 20 * time.Second

// heard are the lines of a log, for tests that wait for one.
type heard chan string

func (heard) Enabled(context.Context, slog.Level) bool { return true }

func (h heard) Handle(_ context.Context, record slog.Record) error {
	text := record.Level.String() + " " + record.Message
	record.Attrs(func(one slog.Attr) bool { text += " " + one.String(); return true })
	h <- text
	return nil
}

func (h heard) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h heard) WithGroup(string) slog.Handler { return h }

// await waits for a line that has all these parts.
func (h heard) await(t *testing.T, parts ...string) string {
	t.Helper()
	for {
		select {
		case line := <-h:
			missing := false
			for _, part := range parts {
				missing = missing || !strings.Contains(line, part)
			}
			if !missing {
				return line
			}
		case <-time.After(patience):
			t.Fatalf("no line with %v", parts)
		}
	}
}

// counting answers with a status, which can be changed, and counts.
type counting struct {
	*httptest.Server
	status atomic.Int64
	asked  atomic.Int64
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{}
	c.status.Store(http.StatusOK)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/base/healthz":
			c.asked.Add(1)
		case r.URL.RawQuery != "deep=1" || r.Header.Get("Authorization") != "" || r.Header.Get("X-Fixed") != "1" || r.Host != "things.test":
			t.Errorf("health check is %s%s with %v", r.Host, r.URL, r.Header)
		}
		w.WriteHeader(int(c.status.Load()))
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(c.Close)
	return c
}

// checked is the config of an upstream whose addresses are asked often.
func checked(log heard) Config {
	return Config{
		BaseURL: "http://things.test/base", Logger: slog.New(log), Header: http.Header{"X-Fixed": {"1"}},
		Credential: BearerCredential{Secret: Secret{Source: secret.Fixed(secret.NewValue("canary"))}},
		Balance: &BalanceConfig{
			Ejection:    EjectionConfig{Failures: 1000},
			HealthCheck: &HealthCheckConfig{Get: "/healthz?deep=1", Every: time.Millisecond, Timeout: patience, Threshold: 2},
		},
	}
}

// TestHealthChecks: an address that turns ill gets no requests until it is well again; if all are ill, all get some.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	log, first, second := make(heard, 100), newCounting(t), newCounting(t)
	client := spread(t, checked(log), first.Server, second.Server)
	ask := func(want error) {
		t.Helper()
		for range 4 {
			if _, err := client.Do(t.Context(), thing()); (err == nil) != (want == nil) {
				t.Errorf("error = %v, want %v", err, want)
			}
		}
	}
	ask(nil)
	if first.asked.Load() != 2 || second.asked.Load() != 2 {
		t.Errorf("asked %d and %d times", first.asked.Load(), second.asked.Load())
	}
	first.status.Store(http.StatusServiceUnavailable)
	log.await(t, "WARN address changed", "address="+first.Listener.Addr().String(), "to=ill", "answered 503")
	ask(nil)
	if first.asked.Load() != 2 || second.asked.Load() != 6 {
		t.Errorf("with one ill, asked %d and %d times", first.asked.Load(), second.asked.Load())
	}
	if states := client.Addresses(); states[0].State != "ill" || states[1].State != "well" || states[1].Address != second.Listener.Addr().String() {
		t.Errorf("states = %v", states)
	}
	second.status.Store(http.StatusServiceUnavailable)
	log.await(t, "all addresses are ill")
	ask(errTest)
	if first.asked.Load() != 4 || second.asked.Load() != 8 {
		t.Errorf("with all ill, asked %d and %d times", first.asked.Load(), second.asked.Load())
	}
	first.status.Store(http.StatusNoContent)
	log.await(t, "address="+first.Listener.Addr().String(), "to=well")
	ask(nil)
	if second.asked.Load() != 8 {
		t.Errorf("the one that is ill was asked %d times", second.asked.Load())
	}
}

// TestAddressDies: calls go on without an address that is gone, and to it when it is back.
func TestAddressDies(t *testing.T) {
	t.Parallel()
	log, stays := make(heard, 100), newCounting(t)
	var back atomic.Int64
	var dead atomic.Bool
	dies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !dead.Load() {
			back.Add(1)
			return
		}
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = connection.(*net.TCPConn).SetLinger(0) // what is gone resets
		_ = connection.Close()
	}))
	t.Cleanup(dies.Close)
	address := dies.Listener.Addr().String()
	reader := metric.NewManualReader()
	client := spread(t, Config{
		BaseURL: "http://things.test/base", Logger: slog.New(log), Retries: RetryConfig{Max: 1, Budget: 1, Backoff: time.Millisecond},
		Balance:       &BalanceConfig{Addresses: []string{address}, Ejection: EjectionConfig{Failures: 2, For: 200 * time.Millisecond}},
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)), Breaker: BreakerConfig{MinRequests: 1000},
	}, stays.Server)
	ask := func() {
		t.Helper()
		if _, err := client.Do(t.Context(), thing()); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	ask()
	if back.Load() != 1 || stays.asked.Load() != 1 {
		t.Fatalf("asked %d and %d times", back.Load(), stays.asked.Load())
	}
	dead.Store(true)
	for client.Addresses()[0].State != "ejected" {
		ask()
	}
	log.await(t, "WARN address changed", "address="+address, "to=ejected", "until=")
	dead.Store(false)
	until := time.Now().Add(patience)
	for back.Load() == 1 {
		ask()
		if time.Now().After(until) {
			t.Fatal("the address got no request after it was back")
		}
	}
	log.await(t, "address="+address, "to=well")
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	if everything := fmt.Sprintf("%+v", data); !strings.Contains(everything, "sheaf.address.changes") || !strings.Contains(everything, "ejected") {
		t.Errorf("metrics = %s", everything)
	}
}

// TestBalanceGuard: addresses that are not public need network: private, for calls and for health checks.
func TestBalanceGuard(t *testing.T) {
	t.Parallel()
	log := make(heard, 100)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a connection was made") }))
	t.Cleanup(server.Close)
	config := checked(log)
	config.Name, config.Balance.Addresses = "things", []string{server.Listener.Addr().String()}
	client := create(t, config)
	log.await(t, "to=ill", errRefusedAddress.Error())
	_, err := client.Do(t.Context(), thing())
	if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != KindAddress || !failure.Unsent {
		t.Errorf("error = %v", err)
	}
}

func TestBalanceRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"no address":   {Balance: &BalanceConfig{}},
		"no port":      {Balance: &BalanceConfig{Addresses: []string{"10.0.0.1"}}},
		"no path":      {Balance: &BalanceConfig{Addresses: []string{"10.0.0.1:1"}, HealthCheck: &HealthCheckConfig{Get: "healthz"}}},
		"each account": {BaseURL: "${account.host}", Balance: &BalanceConfig{Addresses: []string{"10.0.0.1:1"}}},
		"proxy":        {Proxy: "http://egress.test", Balance: &BalanceConfig{Addresses: []string{"10.0.0.1:1"}}},
	} {
		config.Name = "things"
		setDefault(&config.BaseURL, "http://things.test")
		if _, err := New(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	client := create(t, Config{Name: "things", BaseURL: "http://things.test"})
	if got := client.Addresses(); got != nil {
		t.Errorf("addresses without balance = %v", got)
	}
}

// TestReady: what is ready knows which addresses are ill, by their first answers.
func TestReady(t *testing.T) {
	t.Parallel()
	ill, well := newCounting(t), newCounting(t)
	ill.status.Store(http.StatusServiceUnavailable)
	config := checked(make(heard, 100))
	config.Balance.HealthCheck.Every, config.Balance.HealthCheck.Threshold = patience, 3
	client := spread(t, config, ill.Server, well.Server)
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if states := client.Addresses(); states[0].State != "ill" || states[1].State != "well" {
		t.Errorf("states = %v", states)
	}
	for range 4 {
		if _, err := client.Do(t.Context(), thing()); err != nil {
			t.Error(err)
		}
	}
	if ill.asked.Load() != 0 {
		t.Errorf("the one that is ill was asked %d times", ill.asked.Load())
	}
}

// TestNotReady: who waits for an address that says nothing may give up.
func TestNotReady(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(hang) })
	config := checked(make(heard, 100))
	client := spread(t, config, silent)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}
