package bff

import (
	"time"

	"github.com/sheaf-rpc/sheaf/upstreams"
)

// Status is what a server is doing.
type Status struct {
	// Digest is that of the plan: servers with the same digest do the same.
	Digest string
	// StartedAt is when the server was opened, LoadedAt when the files that it serves were read.
	StartedAt, LoadedAt time.Time
	// RPCs are those that are bound.
	RPCs int
	// Failure is why the newest reload changed nothing; nil if it did, or if there was none.
	Failure *ReloadFailure
	// Guards are what stands between clients and RPCs.
	Guards Guards
	// Upstreams are sorted by name.
	Upstreams []UpstreamStatus
}

// UpstreamStatus is what a server knows of an upstream.
type UpstreamStatus struct {
	Name string
	// Breaker is closed, half-open or open. Where each account has an address of its own, it is that of none of them: closed.
	Breaker string
	// Addresses are those that requests are spread over; nil where there is no choice.
	Addresses []AddressStatus
}

// AddressStatus is what a server knows of one address of an upstream.
type AddressStatus = upstreams.AddressState

// Status is what the server is doing at the moment.
func (s *Server) Status() Status {
	w := s.current.Load()
	status := Status{Digest: w.plan.Digest, StartedAt: s.startedAt, LoadedAt: w.openedAt, RPCs: len(w.procedures), Failure: s.failure.Load(), Guards: w.guards()}
	for _, upstream := range w.plan.Upstreams {
		client := w.client(upstream.Name)
		status.Upstreams = append(status.Upstreams, UpstreamStatus{Name: upstream.Name, Breaker: client.BreakerState(""), Addresses: client.Addresses()})
	}
	return status
}
