package upstreams

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/net/http/httpguts"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Config describes an upstream. Zero values mean the defaults that are named here.
type Config struct {
	// Name is what bindings, logs and metrics call the upstream.
	Name string
	// BaseURL is scheme, host and, if there is one, a path that every call is below. It may hold ${account.NAME}.
	BaseURL string
	// Private lets the upstream have an address that is not public: loopback, private, link-local and the like.
	Private bool
	// Resolver resolves its name; nil for the default.
	Resolver *net.Resolver
	// Timeout bounds one attempt, to the last byte read; waiting for a token or a connection counts. Default: 5s.
	Timeout time.Duration
	// MaxAnswerBytes bounds a body after decompression. Default: 1 MiB.
	MaxAnswerBytes int64
	// MaxConnections bounds the open connections, to each address of Balance. Default: 100.
	MaxConnections int
	// Header is sent with every request.
	Header http.Header
	// Credential is what each request is signed with; nil for nothing.
	Credential Credential
	// Accounts are those that calls can be made for, and Refresh says how their secrets are renewed; nil for none.
	Accounts *store.Accounts
	Refresh  *RefreshConfig
	Breaker  BreakerConfig
	// Retries says how failed requests are made again; the zero RetryConfig, never.
	Retries RetryConfig
	// Hedging says how a slow request gets a second one; nil for never.
	Hedging     *HedgeConfig
	Concurrency ConcurrencyConfig
	// Cache says how answers are kept; nil for not at all.
	Cache *CacheConfig
	// Balance spreads requests over several addresses; nil for the one of BaseURL.
	Balance *BalanceConfig
	// TLS says whom to trust, and who we are; nil for the system's authorities.
	TLS *TLSConfig
	// Proxy is the URL of a proxy that requests go through; empty for none. It excludes Balance.
	Proxy string

	// TracerProvider, MeterProvider and Propagator default to none, Logger to one that discards.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator
	Logger         *slog.Logger
}

// BreakerConfig says when to stop calling a failing upstream.
type BreakerConfig struct {
	// FailureRatio is the share of failures at which it opens, in (0, 1]. Default: 0.5.
	FailureRatio float64
	// MinRequests is how many requests the window must hold before the share counts. Default: 10.
	MinRequests int
	// Window is how far back requests count, from when they were sent; at least twice Config.Timeout, so that those that were not
	// answered in time are within. Default: 10s.
	Window time.Duration
	// OpenFor is how long it stays open before one probe is let through. Default: 5s.
	OpenFor time.Duration
	// PerRoute gives each method and path template a breaker of its own.
	PerRoute bool
}

// RetryConfig says how requests that failed are made again.
type RetryConfig struct {
	// Max is the most tries after the first; 0 for none.
	Max int
	// Budget is the share that retries and hedges may add to recent requests, in [0, 1]. Default, where there is hedging: 0.1.
	Budget float64
	// The wait before the first retry is a random time up to Backoff; the bound doubles up to MaxBackoff. Defaults: 50ms, 1s.
	Backoff, MaxBackoff time.Duration
}

// HedgeConfig says when a request is made a second time beside the first.
type HedgeConfig struct {
	// Percentile is the share of recent requests that were faster than the wait, in (0, 1). Default: 0.95.
	Percentile float64
	// MinWait is the shortest wait. Default: 10ms.
	MinWait time.Duration
}

// ConcurrencyConfig bounds the requests under way.
type ConcurrencyConfig struct {
	// Max is the most at once. Default: Config.MaxConnections.
	Max int
	// Queue is the most that wait for their turn; negative for none. Default: Max.
	Queue int
	// Adaptive moves the bound below Max, with the upstream's latency.
	Adaptive bool
	// AnswerBytes bounds what bodies of answers above 32 KiB take while they are read, but not below MaxAnswerBytes; others wait. One of
	// unknown length takes MaxAnswerBytes. Default: 64 MiB, or 16 times MaxAnswerBytes if that is more.
	AnswerBytes int64
}

func (c Config) withDefaults() Config {
	setDefault(&c.Timeout, 5*time.Second)
	setDefault(&c.MaxAnswerBytes, 1<<20)
	setDefault(&c.MaxConnections, 100)
	setDefault(&c.Breaker.FailureRatio, 0.5)
	setDefault(&c.Breaker.MinRequests, 10)
	setDefault(&c.Breaker.Window, 10*time.Second)
	c.Breaker.Window = max(c.Breaker.Window, 2*c.Timeout)
	setDefault(&c.Breaker.OpenFor, 5*time.Second)
	setDefault(&c.Concurrency.Max, c.MaxConnections)
	setDefault(&c.Concurrency.Queue, c.Concurrency.Max)
	c.Concurrency.Queue = max(c.Concurrency.Queue, 0)
	setDefault(&c.Concurrency.AnswerBytes, max(64<<20, 16*c.MaxAnswerBytes))
	setDefault(&c.Retries.Backoff, 50*time.Millisecond)
	setDefault(&c.Retries.MaxBackoff, time.Second)
	if c.Hedging != nil {
		hedging := *c.Hedging
		setDefault(&c.Retries.Budget, 0.1)
		setDefault(&hedging.Percentile, 0.95)
		setDefault(&hedging.MinWait, 10*time.Millisecond)
		c.Hedging = &hedging
	}
	c.Balance = c.Balance.withDefaults()
	if c.TracerProvider == nil {
		c.TracerProvider = tracenoop.NewTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = metricnoop.NewMeterProvider()
	}
	if c.Propagator == nil {
		c.Propagator = propagation.NewCompositeTextMapPropagator()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
}

// parseBase reads a base URL. Its path becomes "/" if it has none, so that joining never drops a slash.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		// The error of url.Parse quotes the whole text, and with it a password.
		return nil, errors.New("base_url is no URL; write it as https://api.example.com/v2")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("base_url has scheme %q; write it as https://api.example.com/v2", base.Scheme)
	case base.Host == "":
		return nil, errors.New("base_url has no host; write it as https://api.example.com/v2")
	case base.User != nil:
		return nil, errors.New("base_url holds a user or password; declare it under credentials")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("base_url holds a query or fragment; declare parameters under query of each call")
	}
	if base.Host, err = httpguts.PunycodeHostPort(base.Host); err != nil { // as it is sent, and signed
		return nil, errors.New("base_url has a host that no domain can have; write it as https://api.example.com/v2")
	}
	if base.Path == "" {
		base.Path = "/"
	}
	return base, nil
}
