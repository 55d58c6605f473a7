package bff

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sheaf-rpc/sheaf/aggregate"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// client is an upstream's client. Worlds share it while its settings and its secrets are the same, so that its connections,
// breakers, cache and tokens outlive a reload.
type client struct {
	*upstreams.Client
	plan    *plan.Upstream
	secrets []secret.Value
	// users are the worlds that use it.
	users atomic.Int64
}

// release closes the client if no other world uses it.
func (c *client) release() {
	if c.users.Add(-1) == 0 {
		c.Close()
	}
}

// connect finds or creates a client for each upstream.
func (w *world) connect(older *world) (map[string]aggregate.Upstream, error) {
	byName := map[string]aggregate.Upstream{}
	var problems diag.Problems
	for _, upstream := range w.plan.Upstreams {
		w.read = nil
		config, err := w.upstreamConfig(upstream)
		if err != nil {
			problems.Add(upstream.Credential.At, 0, putItThere, "%v", err)
			continue
		}
		found := w.known(upstream, older)
		if found == nil {
			created, err := upstreams.New(config)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", upstream.At, err)
			}
			found = &client{Client: created, plan: upstream, secrets: w.read}
		}
		found.users.Add(1)
		w.clients = append(w.clients, found)
		byName[upstream.Name] = adapter{found.Client}
	}
	w.read = nil
	return byName, problems.Err()
}

// known is an older world's client for an upstream whose settings, secrets and accounts are still the same; nil for none. The older
// world is the current one, so that its clients are open.
func (w *world) known(upstream *plan.Upstream, older *world) *client {
	if older == nil || w.accounts != older.accounts {
		return nil
	}
	at := slices.IndexFunc(older.clients, func(one *client) bool { return one.plan.Same(upstream) && slices.Equal(one.secrets, w.read) })
	if at < 0 {
		return nil
	}
	return older.clients[at]
}
