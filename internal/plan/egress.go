package plan

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Egress is what a plan can send to one upstream, or to an address of Redis, which may name further ones of its own: nothing else
// leaves.
type Egress struct {
	Upstream string `json:"upstream"`
	BaseURL  string `json:"base_url"`
	// Network is public or private; any for Redis, which is called redis: as no upstream can be.
	Network string `json:"network"`
	// Credential says what requests are signed with, and where that is; empty for nothing. It holds no secret.
	Credential string `json:"credential,omitempty"`
	// Destinations are where connections are made to: the proxy, the addresses of balance, or the hosts of the base URL. There are
	// none where the base URL is only known to the server that runs.
	Destinations []Destination `json:"destinations"`
	// Proxy is the URL of the proxy that makes the connections to the upstream; empty for none.
	Proxy string `json:"proxy,omitempty"`
	// Trust is nil for the system's authorities.
	Trust    *EgressTrust    `json:"tls,omitempty"`
	Requests []EgressRequest `json:"requests"`
}

// EgressRequest is a method and a path, with names for its holes, and who asks for it.
type EgressRequest struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	// Callers are RPCs with the name of the call, sorted.
	Callers []string `json:"callers"`
}

// Egress is the whole outbound surface of a plan, sorted.
func (p *Plan) Egress() []Egress {
	all := make([]Egress, len(p.Upstreams))
	for i, upstream := range p.Upstreams {
		all[i] = Egress{
			Upstream: upstream.Name, BaseURL: upstream.BaseURL, Network: "public", Credential: upstream.Credential.describe(),
			Destinations: p.destinations(upstream), Proxy: upstream.Proxy, Trust: trustOf(upstream.TLS), Requests: []EgressRequest{},
		}
		if upstream.Private {
			all[i].Network = "private"
		}
		if refresh := upstream.Refresh; refresh != nil {
			all[i].add(refresh.Method, refresh.Path, "renewal of credentials")
		}
		if balance := upstream.Balance; balance != nil && balance.HealthCheck != nil {
			all[i].add("GET", balance.HealthCheck.Get, "health check, without credentials")
		}
	}
	at := func(name string) int {
		return slices.IndexFunc(all, func(one Egress) bool { return one.Upstream == name })
	}
	for _, upstream := range p.Upstreams {
		if token, ok := upstream.Credential.Kind.(*OAuth2); ok {
			all[at(token.Upstream)].add("POST", token.Path, "token for "+upstream.Name)
		}
	}
	for _, asked := range p.identityRequests() {
		all[at(asked.upstream)].add(asked.method, asked.path, asked.caller)
	}
	for _, rpc := range p.All() {
		for _, call := range rpc.Calls {
			if call.Request != nil {
				all[at(call.Request.Upstream)].add(call.Request.Method, call.Request.Path.Names(), rpc.caller(call))
			}
		}
	}
	return slices.Insert(all, len(all), p.Redis.egress()...)
}

// caller says who sends a request.
func (r *RPC) caller(call *Call) string {
	if r.Route != nil {
		return fmt.Sprintf("%s %s (route %s)", r.Name(), call.Name, r.Route.Name)
	}
	return r.Name() + " " + call.Name
}

// add notes who sends a request.
func (e *Egress) add(method, path, caller string) {
	order := func(one EgressRequest, _ struct{}) int {
		return cmp.Or(cmp.Compare(one.Path, path), cmp.Compare(one.Method, method))
	}
	at, known := slices.BinarySearchFunc(e.Requests, struct{}{}, order)
	if !known {
		e.Requests = slices.Insert(e.Requests, at, EgressRequest{Method: method, Path: path})
	}
	request := &e.Requests[at]
	request.Callers = append(request.Callers, caller)
	slices.Sort(request.Callers)
	request.Callers = slices.Compact(request.Callers)
}

// WriteEgress prints an outbound surface for people.
func WriteEgress(w io.Writer, surface []Egress) error {
	var text strings.Builder
	for i, one := range surface {
		if i > 0 {
			text.WriteString("\n")
		}
		line := []string{one.Upstream, one.BaseURL, one.Network}
		if one.Credential != "" {
			line = append(line, one.Credential)
		}
		text.WriteString(strings.Join(line, "  ") + "\n")
		for _, line := range one.connections() {
			text.WriteString("  " + line + "\n")
		}
		for _, request := range one.Requests {
			text.WriteString("  " + request.Method + "\t" + request.Path + "\t" + strings.Join(request.Callers, ", ") + "\n")
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, text.String()); err != nil {
		return fmt.Errorf("write egress: %w", err)
	}
	return table.Flush()
}
