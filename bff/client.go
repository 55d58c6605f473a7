package bff

import (
	"fmt"
	"slices"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/upstreams"
)

// client is an upstream's client. Worlds share it while its settings, and what else it is made from, are the same, so that its
// connections, breakers, cache and tokens outlive a reload.
type client struct {
	shared
	*upstreams.Client

	plan *plan.Upstream
	// made is what it was made from besides its settings.
	made clientParts
}

// clientParts are what a client is made from besides its settings.
type clientParts struct {
	secrets  secrets
	accounts *accounts // nil if it uses none
	redis    *redis    // likewise
	issuer   *client   // of its tokens; likewise
}

// doFor reports whether a client that was made from these parts does for others.
func (p *clientParts) doFor(other *clientParts) bool {
	return p.accounts == other.accounts && p.redis == other.redis && p.issuer == other.issuer && p.secrets.hold(other.secrets)
}

// connect finds or creates a client for each upstream, after the one that issues its tokens.
func (w *world) connect(older *world) error {
	var problems diag.Problems
	for _, upstream := range inOrder(w.plan.Upstreams) {
		config, parts, wrong := w.upstreamConfig(upstream)
		problems = append(problems, wrong...)
		if len(problems) > 0 {
			continue // it may need a client that is not there
		}
		found := older.clientFor(upstream, &parts)
		if found == nil {
			created, err := upstreams.New(config)
			if err != nil {
				return fmt.Errorf("%s: %w", upstream.At, err)
			}
			found = &client{Client: created, plan: upstream, made: parts}
			found.close = created.Close
		}
		found.use()
		w.clients = append(w.clients, found)
	}
	problems.Sort()
	return problems.Err()
}

// clientFor is a client that does for an upstream; nil for none. The world may be nil, or is the current one, whose clients are open.
func (w *world) clientFor(upstream *plan.Upstream, parts *clientParts) *client {
	if w == nil {
		return nil
	}
	at := slices.IndexFunc(w.clients, func(one *client) bool { return one.plan.Same(upstream) && one.made.doFor(parts) })
	if at < 0 {
		return nil
	}
	return w.clients[at]
}

// client is the one of an upstream; nil for none.
func (w *world) client(name string) *client {
	at := slices.IndexFunc(w.clients, func(one *client) bool { return one.plan.Name == name })
	if at < 0 {
		return nil
	}
	return w.clients[at]
}

// inOrder are the upstreams, each behind the one that issues its tokens. The compiler has refused cycles.
func inOrder(all []*plan.Upstream) []*plan.Upstream {
	byName := map[string]*plan.Upstream{}
	for _, upstream := range all {
		byName[upstream.Name] = upstream
	}
	var ordered []*plan.Upstream
	placed := map[string]bool{}
	var place func(*plan.Upstream)
	place = func(upstream *plan.Upstream) {
		if placed[upstream.Name] {
			return
		}
		placed[upstream.Name] = true
		if issuer := upstream.Credential.Issuer(); issuer != "" {
			place(byName[issuer])
		}
		ordered = append(ordered, upstream)
	}
	for _, upstream := range all {
		place(upstream)
	}
	return ordered
}
