package upstreams

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// AddressState is an address that requests are spread over.
type AddressState struct {
	// Address is host:port.
	Address string
	// State is well, ill by its health checks, or ejected after failures.
	State string
	// Until is when it is no longer ejected; the zero time if it is not.
	Until time.Time
	// UnderWay counts requests.
	UnderWay int
}

// Addresses are those that requests are spread over, in the order of the config; nil where there is no choice.
func (c *Client) Addresses() []AddressState {
	if c.balancer.ejector == nil {
		return nil
	}
	states := make([]AddressState, len(c.balancer.addresses))
	for i, one := range c.balancer.addresses {
		states[i] = AddressState{Address: one.name, State: "well", Until: c.balancer.ejector.until(i), UnderWay: int(one.underWay.Load())}
		if !states[i].Until.IsZero() {
			states[i].State = "ejected"
		}
		if one.health.ill.Load() {
			states[i].State = "ill"
		}
	}
	return states
}

// watching is what goes on behind calls, and who is told of it.
type watching struct {
	upstream string
	logger   *slog.Logger
	observer *observer
	checks   sync.WaitGroup
	// asked are closed when the addresses have been asked whether they are well for the first time.
	asked []<-chan struct{}
	end   context.CancelFunc
}

// watch begins to tell of the addresses of an upstream with one base URL, and to ask them whether they are well.
func (b *balancer) watch(config *Config, base *base, header http.Header) error {
	b.upstream, b.logger, b.observer = config.Name, config.Logger, base.observer
	if config.Balance == nil || config.Balance.HealthCheck == nil {
		return nil
	}
	checker, err := newChecker(*config.Balance.HealthCheck, base.url, header, b.turned)
	if err != nil {
		return err
	}
	var ctx context.Context
	ctx, b.end = context.WithCancel(context.Background())
	for _, one := range b.addresses {
		asked := make(chan struct{})
		b.asked = append(b.asked, asked)
		b.checks.Go(func() { checker.watch(ctx, one, asked) })
	}
	return nil
}

// Ready waits until every address has been asked whether it is well, if they are asked. The error is ctx's.
func (c *Client) Ready(ctx context.Context) error {
	for _, asked := range c.balancer.asked {
		select {
		case <-asked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// close ends health checks, and closes idle connections.
func (b *balancer) close() {
	if b.end != nil {
		b.end()
	}
	b.checks.Wait()
	for _, one := range b.addresses {
		one.transport.close()
	}
}

// ejected tells of an address that is left out, or back.
func (b *balancer) ejected(number int, until time.Time) {
	if until.IsZero() {
		b.tell(b.addresses[number], "well")
		return
	}
	b.tell(b.addresses[number], "ejected", slog.Time("until", until))
}

// turned tells of an address that turned well or ill.
func (b *balancer) turned(one *address, why error) {
	if why == nil {
		b.tell(one, "well")
		return
	}
	b.tell(one, "ill", slog.Any("error", why))
	for _, other := range b.addresses {
		if !other.health.ill.Load() {
			return
		}
	}
	b.logger.Warn("all addresses are ill, so requests go on to all of them", slog.String("upstream", b.upstream))
}

func (b *balancer) tell(one *address, state string, more ...any) {
	b.observer.addressChanged(one.name, state)
	b.logger.Warn("address changed", append([]any{slog.String("upstream", b.upstream), slog.String("address", one.name), slog.String("to", state)}, more...)...)
}

// errAddresses is that of a choice where each account has an address of its own.
var errAddresses = errors.New("upstream has balance and a base_url that depends on the account; keep one of them")
