package bff

import (
	"fmt"
	"slices"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/edge"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// edgeRules are those of the public listener: only there are proxies and pages.
func (w *world) edgeRules() (edge.Rules, error) {
	server := &w.plan.Server
	rules := edge.Rules{Proxies: server.Proxies.Trusted}
	if server.CORS == nil {
		return rules, nil
	}
	var err error
	rules.Origins, err = edge.NewOrigins(edge.CORS{
		Origins: server.CORS.Origins, Credentials: server.CORS.Credentials, MaxAge: server.CORS.MaxAge,
		Headers:       slices.Concat([]string{policy.IdempotencyKeyHeader, "Traceparent", "Tracestate"}, proofHeaders(w.plan.Policy), server.CORS.Headers),
		ExposeHeaders: slices.Concat(exposed, server.CORS.ExposeHeaders),
	})
	if err != nil {
		return rules, fmt.Errorf("read server.cors: %w", err)
	}
	return rules, nil
}

// patience is that with clients of RPCs: a request is there within some seconds, or goes on coming at the pace of a poor telephone.
func (w *world) patience() edge.Patience {
	const look, least, answer = 5 * time.Second, 32 << 10, 30 * time.Second
	return edge.Patience{Look: look, Least: least, Answer: w.plan.Server.MaxTimeout + answer}
}

// exposed are the headers of Sheaf's own that pages may read.
var exposed = []string{
	partialHeader, "ETag", policy.ReplayedHeader, policy.RateLimitHeader, policy.RateLimitPolicyHeader, policy.RetryAfterHeader,
}

// proofHeaders are the headers that may carry a proof of who calls.
func proofHeaders(frozen *plan.Policy) []string {
	names := []string{"Authorization"}
	if frozen == nil {
		return names
	}
	for _, provider := range frozen.Providers {
		if provider.APIKeys != nil {
			names = append(names, provider.APIKeys.Header)
		}
	}
	return names
}
