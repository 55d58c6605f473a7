package bff

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// health answers for the services of a listener of the current world, and for the server as a whole, whose name is empty.
type health struct {
	server  *Server
	side    side
	stopped atomic.Bool

	mu       sync.Mutex
	watchers map[*watcher]bool
}

// watcher is one who waits for changes.
type watcher struct{ changed func() }

var _ grpchealth.Watcher = (*health)(nil)

// Check implements grpchealth.Checker.
func (h *health) Check(_ context.Context, request *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if request.Service != "" && !slices.Contains(h.side(h.server.current.Load()).names, request.Service) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("unknown service %s", request.Service))
	}
	if h.stopped.Load() {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// Watch implements grpchealth.Watcher.
func (h *health) Watch(ctx context.Context, request *grpchealth.CheckRequest, changed func()) (stop func(), err error) {
	if _, err := h.Check(ctx, request); err != nil {
		return nil, err
	}
	added := &watcher{changed}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[added] = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, added)
	}, nil
}

// tell tells those who watch that something may have changed.
func (h *health) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for one := range h.watchers {
		one.changed()
	}
}

// stop says that nothing is served any more.
func (h *health) stop() {
	h.stopped.Store(true)
	h.tell()
}
