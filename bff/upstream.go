package bff

import (
	"context"
	"errors"
	"net/http"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
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

// upstreamConfig turns an upstream's settings into a client's, and reads its secret.
func (w *world) upstreamConfig(upstream *plan.Upstream) (upstreams.Config, error) {
	header := http.Header{}
	for _, fixed := range upstream.Headers {
		header.Set(fixed.Name, fixed.Value)
	}
	credential, err := w.readCredential(upstream.Credential)
	return upstreams.Config{
		Name: upstream.Name, BaseURL: upstream.BaseURL, Private: upstream.Private, Timeout: upstream.Timeout,
		MaxAnswerBytes: upstream.MaxAnswerBytes, MaxConnections: upstream.MaxConnections, Header: header,
		Credential: credential, Accounts: w.accounts, Refresh: refreshConfig(upstream.Refresh), Breaker: upstreams.BreakerConfig(upstream.Breaker),
		Cache:   cacheConfig(upstream.Cache),
		Retries: upstreams.RetryConfig(upstream.Retries), Hedging: (*upstreams.HedgeConfig)(upstream.Hedging), Concurrency: upstreams.ConcurrencyConfig(upstream.Concurrency),
		TracerProvider: w.server.settings.tracers, MeterProvider: w.server.settings.meters,
		Propagator: telemetry.Propagator(), Logger: w.server.settings.logger,
	}, err
}

func cacheConfig(cache *plan.Cache) *upstreams.CacheConfig {
	if cache == nil {
		return nil
	}
	return &upstreams.CacheConfig{
		Store: store.NewMemory(int(cache.MaxBytes)), IgnoreHeaders: cache.IgnoreHeaders,
		Rules: httpcache.Rules{
			DefaultAge: cache.DefaultAge, NegativeAge: cache.NegativeAge, StaleWhileRevalidate: cache.StaleWhileRevalidate, StaleIfError: cache.StaleIfError,
		},
	}
}

func (w *world) readCredential(credential plan.Credential) (upstreams.Credential, error) {
	value, err := w.readSecret(credential.Secret)
	return upstreams.Credential{
		Header: credential.Header, Query: credential.Query, Path: credential.Path, Secret: value, Account: credential.Secret.Account,
	}, err
}

// putItThere is what to do about a secret that cannot be read.
const putItThere = "put it there, then start again"

// readSecret reads a secret that is not an account's.
func (w *world) readSecret(source plan.Secret) (secret.Value, error) {
	value, err := w.lookUpSecret(source)
	w.read = append(w.read, value)
	return value, err
}

func (w *world) lookUpSecret(source plan.Secret) (secret.Value, error) {
	switch {
	case source.Env != "":
		return secret.FromEnv(source.Env, w.server.settings.lookupEnv)
	case source.File != "":
		return secret.FromFile(source.File)
	default:
		return secret.Value{}, nil
	}
}

// readAccounts reads the secrets of all accounts.
func (w *world) readAccounts() error {
	var problems diag.Problems
	accounts := map[string]store.Account{}
	for id, account := range w.plan.Accounts {
		secrets := map[string]secret.Value{}
		for name, source := range account.Secrets {
			value, err := w.readSecret(source)
			if err != nil {
				problems.Add(source.At, 0, putItThere, "%v", err)
			}
			secrets[name] = value
		}
		accounts[id] = store.Account{Attributes: account.Attributes, Secrets: secrets}
	}
	problems.Sort()
	w.accounts = store.NewAccounts(accounts)
	return problems.Err()
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
