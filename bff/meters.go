package bff

import (
	"fmt"

	"go.opentelemetry.io/otel/metric"
)

// meters count what becomes of RPCs, and reloads.
type meters struct {
	missing, drifts, shed, reloads, limited, limitsAway, routes, shadows, decisions metric.Int64Counter

	counted countedOptions
}

func newMeters(provider metric.MeterProvider) (*meters, error) {
	created := &meters{}
	meter := provider.Meter(instrumentation)
	for _, counter := range []struct {
		into                    *metric.Int64Counter
		name, unit, description string
	}{
		{&created.missing, "sheaf.missing_calls", "{call}", "Optional calls that gave no answer."},
		{&created.drifts, "sheaf.drifts", "{field}", "Fields left unset because an upstream answered in another shape than its binding expects."},
		{&created.shed, "sheaf.shed_rpcs", "{rpc}", "RPCs refused because too much work was in flight."},
		{&created.limited, "sheaf.limited_rpcs", "{rpc}", "RPCs that a limit refused, by limit and reason."},
		{&created.limitsAway, "sheaf.limits.away", "{rpc}", "RPCs for which a limit in Redis could not be asked, by limit and what held instead."},
		{&created.routes, "sheaf.routes", "{rpc}", "RPCs that have routes, by the route that took the request; empty for none."},
		{&created.shadows, "sheaf.shadow", "{rpc}", "Candidates in the shadow, by what came of them."},
		{&created.decisions, "sheaf.policy.decisions", "{decision}", "Decisions of the policy about RPCs, by their kind and by the rule that made them."},
		{&created.reloads, "sheaf.reloads", "{reload}", "Reloads of the project's files, by result."},
	} {
		var err error
		if *counter.into, err = meter.Int64Counter(counter.name, metric.WithUnit(counter.unit), metric.WithDescription(counter.description)); err != nil {
			return nil, fmt.Errorf("create counter %s: %w", counter.name, err)
		}
	}
	return created, nil
}
