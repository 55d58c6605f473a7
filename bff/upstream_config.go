package bff

import (
	"net/http"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// upstreamConfig turns an upstream's settings into a client's, and reads what they name. That is told, too.
func (w *world) upstreamConfig(upstream *plan.Upstream) (upstreams.Config, clientParts, diag.Problems) {
	var problems diag.Problems
	parts := clientParts{issuer: w.client(upstream.Credential.Issuer())}
	reading := credentials{secretReader: w.reader(), issuer: parts.issuer}
	credential := reading.of(upstream.Credential.Kind)
	if reading.err != nil {
		problems.Add(upstream.Credential.At, 0, putThere, "%v", reading.err)
	}
	tls, wrong := upstreamTLS(upstream.TLS, reading.secretReader)
	config := w.clientConfig(upstream)
	config.Credential, config.TLS, parts.secrets = credential, tls, reading.found
	if upstream.UsesAccounts() {
		parts.accounts, config.Accounts = w.accounts, w.accounts.Accounts
	}
	if upstream.Cache != nil {
		parts.redis = w.cacheRedis(upstream.Cache)
		config.Cache = cacheConfig(upstream.Cache, parts.redis)
	}
	return config, parts, append(problems, wrong...)
}

// clientConfig is what follows from an upstream's settings alone.
func (w *world) clientConfig(upstream *plan.Upstream) upstreams.Config {
	header := http.Header{}
	for _, fixed := range upstream.Headers {
		header.Set(fixed.Name, fixed.Value)
	}
	return upstreams.Config{
		Name: upstream.Name, BaseURL: upstream.BaseURL, Private: upstream.Private, Timeout: upstream.Timeout,
		MaxAnswerBytes: upstream.MaxAnswerBytes, MaxConnections: upstream.MaxConnections, Header: header,
		Refresh: refreshConfig(upstream.Refresh), Breaker: upstreams.BreakerConfig(upstream.Breaker),
		Balance: balanceConfig(upstream.Balance), Proxy: upstream.Proxy,
		Retries: upstreams.RetryConfig(upstream.Retries), Hedging: (*upstreams.HedgeConfig)(upstream.Hedging), Concurrency: upstreams.ConcurrencyConfig(upstream.Concurrency),
		TracerProvider: w.server.settings.tracers, MeterProvider: w.server.settings.meters,
		Propagator: telemetry.Propagator(), Logger: w.server.settings.logger,
	}
}

// cacheRedis is where a cache keeps its answers; nil for in memory.
func (w *world) cacheRedis(cache *plan.Cache) *redis {
	if cache.Redis {
		return w.redis
	}
	return nil
}

func cacheConfig(cache *plan.Cache, in *redis) *upstreams.CacheConfig {
	var blobs store.Blobs
	if in != nil {
		blobs = in.Redis
	} else {
		blobs = store.NewMemory(int(cache.MaxBytes))
	}
	return &upstreams.CacheConfig{
		Store: blobs, IgnoreHeaders: cache.IgnoreHeaders,
		Rules: httpcache.Rules{
			DefaultAge: cache.DefaultAge, NegativeAge: cache.NegativeAge, StaleWhileRevalidate: cache.StaleWhileRevalidate, StaleIfError: cache.StaleIfError,
		},
	}
}

func refreshConfig(refresh *plan.Refresh) *upstreams.RefreshConfig {
	if refresh == nil {
		return nil
	}
	config := &upstreams.RefreshConfig{
		Method: refresh.Method, Path: refresh.Path, Bearer: refresh.Bearer, Form: map[string]string{}, Query: map[string]string{},
		Store: map[string][]string{},
	}
	for _, field := range refresh.Form {
		config.Form[field.Name] = field.Value
	}
	for _, parameter := range refresh.Query {
		config.Query[parameter.Name] = parameter.Value
	}
	for _, stored := range refresh.Store {
		for _, step := range stored.Path.Steps[1:] { // behind answer.body
			config.Store[stored.Secret] = append(config.Store[stored.Secret], step.Key)
		}
	}
	return config
}

func balanceConfig(balance *plan.Balance) *upstreams.BalanceConfig {
	if balance == nil {
		return nil
	}
	return &upstreams.BalanceConfig{
		Addresses: balance.Addresses, LeastLoaded: balance.LeastLoaded,
		Ejection: upstreams.EjectionConfig(balance.Ejection), HealthCheck: (*upstreams.HealthCheckConfig)(balance.HealthCheck),
	}
}

// upstreamTLS is what tls of an upstream says; nil for nothing.
func upstreamTLS(from *plan.TLS, reading *secretReader) (*upstreams.TLSConfig, diag.Problems) {
	if from == nil {
		return nil, nil
	}
	read, problems := readTLS(from, reading)
	return &upstreams.TLSConfig{Authorities: read.RootCAs, Certificate: read.GetClientCertificate, Pins: from.Pins, ServerName: from.ServerName}, problems
}
