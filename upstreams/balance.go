package upstreams

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// BalanceConfig spreads requests over several addresses.
type BalanceConfig struct {
	// Addresses are connected to, as host:port, instead of the base URL's host. That stays the name in the header Host and in TLS.
	Addresses []string
	// LeastLoaded prefers addresses with fewer requests under way; otherwise each has its turn.
	LeastLoaded bool
	Ejection    EjectionConfig
	// HealthCheck says how they are asked whether they are well; nil for not at all.
	HealthCheck *HealthCheckConfig
}

// withDefaults is nil for nil.
func (c *BalanceConfig) withDefaults() *BalanceConfig {
	if c == nil {
		return nil
	}
	filled := *c
	filled.Ejection.setDefaults()
	if c.HealthCheck != nil {
		check := *c.HealthCheck
		check.setDefaults()
		filled.HealthCheck = &check
	}
	return &filled
}

// check says what is wrong with addresses, and what to do.
func (c *BalanceConfig) check() error {
	if len(c.Addresses) == 0 {
		return errors.New("balance has no addresses; write them as host:port")
	}
	for _, one := range c.Addresses {
		host, port, err := net.SplitHostPort(one)
		number, wrong := strconv.ParseUint(port, 10, 16)
		if err != nil || wrong != nil || number == 0 || host == "" {
			return fmt.Errorf("balance has address %q; write it as host:port", one)
		}
	}
	return nil
}

// address is where requests go. Each has a pool of connections of its own.
type address struct {
	number int
	// name is host:port; empty for what the base URL says.
	name      string
	transport *transport
	underWay  atomic.Int64
	health    health
}

// tried are the addresses that the requests of one call went to. A nil *tried remembers nothing.
type tried struct {
	mu        sync.Mutex
	addresses []*address
}

// balancer chooses an address for each request: one that is not left out, not ill, and not yet tried for the same call, as far
// as there is one.
type balancer struct {
	addresses   []*address
	leastLoaded bool
	ejector     *ejector // nil where there is no choice
	turn        atomic.Uint64
	watching
}

func newBalancer(config *Config) (*balancer, error) {
	pools, err := newTransports(config)
	if err != nil {
		return nil, err
	}
	b := &balancer{}
	if config.Balance == nil {
		b.addresses = []*address{{transport: pools.to("")}}
		return b, nil
	}
	if err := config.Balance.check(); err != nil {
		return nil, err
	}
	for number, name := range config.Balance.Addresses {
		b.addresses = append(b.addresses, &address{number: number, name: name, transport: pools.to(name)})
	}
	b.leastLoaded = config.Balance.LeastLoaded
	b.ejector = newEjector(config.Balance.Ejection, len(b.addresses), b.ejected)
	return b, nil
}

// balance makes next go to an address, and learns from how it fares.
func (b *balancer) balance(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		exchange.to = b.pick(exchange.tried)
		exchange.to.underWay.Add(1)
		defer exchange.to.underWay.Add(-1)
		answer, err := next(ctx, exchange)
		if b.ejector == nil {
			return answer, err
		}
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("sheaf.address", exchange.to.name))
		if !isExcluded(err) {
			b.ejector.note(exchange.to.number, isFailure(err))
		}
		return answer, exchange.to.named(err)
	}
}

// named says which address an error is about.
func (a *address) named(err error) error {
	if failure, ok := errors.AsType[*Error](err); ok {
		failure.Err = fmt.Errorf("at %s: %w", a.name, failure.Err)
	}
	return err
}

// pick chooses an address, and remembers it.
func (b *balancer) pick(tried *tried) *address {
	if len(b.addresses) == 1 {
		return b.addresses[0]
	}
	if tried == nil {
		return b.among(b.candidates(nil))
	}
	tried.mu.Lock()
	defer tried.mu.Unlock()
	picked := b.among(b.candidates(tried.addresses))
	tried.addresses = append(tried.addresses, picked)
	return picked
}

// candidates are the best addresses that there are. If none is usable, any may be: to try is better than to give up.
func (b *balancer) candidates(tried []*address) []*address {
	usable := slices.DeleteFunc(slices.Clone(b.addresses), func(one *address) bool { return one.health.ill.Load() || b.ejector.isOut(one.number) })
	if len(usable) == 0 {
		usable = slices.Clone(b.addresses)
	}
	untried := slices.DeleteFunc(slices.Clone(usable), func(one *address) bool { return slices.Contains(tried, one) })
	if len(untried) == 0 {
		return usable
	}
	return untried
}

// among takes the one whose turn it is; or that with fewer requests under way of two that are drawn by lot, since all who go for
// the least loaded one at once would overload it. ("The Power of Two Choices in Randomized Load Balancing", Mitzenmacher 2001.)
func (b *balancer) among(candidates []*address) *address {
	if !b.leastLoaded || len(candidates) == 1 {
		return candidates[(b.turn.Add(1)-1)%uint64(len(candidates))]
	}
	first := rand.IntN(len(candidates))      //nolint:gosec // a lot that is fair is enough
	second := rand.IntN(len(candidates) - 1) //nolint:gosec // likewise
	if second >= first {
		second++
	}
	return slices.MinFunc([]*address{candidates[first], candidates[second]}, func(x, y *address) int {
		return cmp.Compare(x.underWay.Load(), y.underWay.Load())
	})
}
