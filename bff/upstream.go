package bff

import (
	"context"
	"errors"
	"net/http"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
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

// reasons is the one table from what upstreams tells apart to what clients are told.
var reasons = map[upstreams.Kind]aggregate.Reason{
	upstreams.KindUnavailable:  aggregate.ReasonUnavailable,
	upstreams.KindTimeout:      aggregate.ReasonTimeout,
	upstreams.KindRateLimited:  aggregate.ReasonRateLimited,
	upstreams.KindFailed:       aggregate.ReasonFailed,
	upstreams.KindNotFound:     aggregate.ReasonNotFound,
	upstreams.KindConflict:     aggregate.ReasonConflict,
	upstreams.KindPrecondition: aggregate.ReasonPrecondition,
	upstreams.KindRejected:     aggregate.ReasonRejected,
	upstreams.KindCredentials:  aggregate.ReasonCredentials,
	upstreams.KindBadAnswer:    aggregate.ReasonBadAnswer,
	upstreams.KindBadRequest:   aggregate.ReasonRejected,
}

func failureOf(err error) *aggregate.Failure {
	failure, ok := errors.AsType[*upstreams.Error](err)
	if !ok {
		return &aggregate.Failure{Reason: aggregate.ReasonFailed, Err: err}
	}
	return &aggregate.Failure{
		Reason: reasons[failure.Kind], Retryable: failure.Retryable(), RetryAfter: failure.RetryAfter, Err: failure,
	}
}

// upstreamConfig turns an upstream's settings into a client's, and reads its secret.
func (s *Server) upstreamConfig(upstream *plan.Upstream) (upstreams.Config, error) {
	header := http.Header{}
	for _, fixed := range upstream.Headers {
		header.Set(fixed.Name, fixed.Value)
	}
	credential, err := s.readCredential(upstream.Credential)
	return upstreams.Config{
		Name: upstream.Name, BaseURL: upstream.BaseURL, Timeout: upstream.Timeout,
		MaxAnswerBytes: upstream.MaxAnswerBytes, MaxConnections: upstream.MaxConnections, Header: header,
		Credential: credential, Breaker: upstreams.BreakerConfig(upstream.Breaker),
		TracerProvider: s.settings.tracers, MeterProvider: s.settings.meters,
		Propagator: telemetry.Propagator(), Logger: s.settings.logger,
	}, err
}

func (s *Server) readCredential(credential plan.Credential) (upstreams.Credential, error) {
	var value secret.Value
	var err error
	switch {
	case credential.Env != "":
		value, err = secret.FromEnv(credential.Env, s.settings.lookupEnv)
	case credential.File != "":
		value, err = secret.FromFile(credential.File)
	}
	return upstreams.Credential{Header: credential.Header, Secret: value}, err
}
