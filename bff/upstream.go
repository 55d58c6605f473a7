package bff

import (
	"context"
	"errors"
	"net/http"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/store"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// adapter is an upstreams.Client as package aggregate needs it; neither knows the other.
type adapter struct {
	client *upstreams.Client
}

var _ aggregate.Upstream = adapter{}

// Do implements aggregate.Upstream.
func (a adapter) Do(ctx context.Context, call aggregate.Request) (aggregate.Answer, error) {
	request := upstreams.Request(call)
	answer, err := a.client.Do(ctx, &request)
	if err != nil {
		return aggregate.Answer{}, failureOf(err)
	}
	return aggregate.Answer(*answer), nil
}

// Renew implements aggregate.Upstream.
func (a adapter) Renew(ctx context.Context, account string, generation uint64) error {
	return a.client.Renew(ctx, account, generation)
}

// reasons is the one table from what upstreams tells apart to what clients are told.
var reasons = map[upstreams.Kind]plan.Reason{
	upstreams.KindUnavailable:  plan.ReasonUnavailable,
	upstreams.KindTimeout:      plan.ReasonTimeout,
	upstreams.KindRateLimited:  plan.ReasonRateLimited,
	upstreams.KindFailed:       plan.ReasonFailed,
	upstreams.KindNotFound:     plan.ReasonNotFound,
	upstreams.KindConflict:     plan.ReasonConflict,
	upstreams.KindPrecondition: plan.ReasonPrecondition,
	upstreams.KindRejected:     plan.ReasonRejected,
	upstreams.KindCredentials:  plan.ReasonCredentials,
	upstreams.KindBadAnswer:    plan.ReasonBadAnswer,
	upstreams.KindToken:        plan.ReasonToken,
	upstreams.KindAddress:      plan.ReasonAddress,
	upstreams.KindOverloaded:   plan.ReasonOverloaded,
	upstreams.KindBadRequest:   plan.ReasonRejected,
}

func failureOf(err error) *aggregate.Failure {
	failure, ok := errors.AsType[*upstreams.Error](err)
	if !ok {
		return &aggregate.Failure{Reason: plan.ReasonFailed, Err: err}
	}
	told := &aggregate.Failure{
		Reason: reasons[failure.Kind], Retryable: failure.Retryable(), RetryAfter: failure.RetryAfter, Err: failure, Unsent: failure.Unsent,
	}
	if failure.Answer != nil {
		answer := aggregate.Answer(*failure.Answer)
		told.Answer = &answer
	}
	return told
}

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
