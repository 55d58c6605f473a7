package bff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// Reloaded is what a reload did.
type Reloaded struct {
	// Before and Digest are the digests of the plan before and after.
	Before, Digest string
	// RPCs are those that are bound now.
	RPCs int
	// Kept counts the upstreams whose connections, breakers, caches and tokens went on, of all Upstreams.
	Kept, Upstreams int
	// NeedRestart names settings that have changed, and hold only after a restart.
	NeedRestart []string
}

// ReloadFailure is why the newest reload changed nothing.
type ReloadFailure struct {
	Err error
	At  time.Time
}

// errClosed is the cause of a reload of a server that has been closed.
var errClosed = errors.New("server is closed")

// Reload compiles the project's files anew and serves what they say, from the next request on. Requests in flight, and open
// streams, finish as they began. If anything is wrong, nothing changes: the error is an *AuthorError, or wraps one, if that is
// the author's. Reloads that are asked for at the same time follow each other; ctx bounds the wait, too. What came of it is logged.
func (s *Server) Reload(ctx context.Context) (*Reloaded, error) {
	select {
	case s.reloading <- struct{}{}:
		defer func() { <-s.reloading }()
	case <-ctx.Done():
		return nil, fmt.Errorf("reload: %w", ctx.Err())
	}
	reloaded, err := s.reload(ctx)
	s.recordReload(ctx, reloaded, err)
	return reloaded, err
}

// reload opens a new world and swaps it for the current one.
func (s *Server) reload(ctx context.Context) (*Reloaded, error) {
	if s.closing.Err() != nil {
		return nil, fmt.Errorf("reload: %w", errClosed)
	}
	older := s.current.Load()
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	newer, err := s.openWorld(compiled, older)
	if err != nil {
		return nil, fmt.Errorf("reload %s: %w", s.dir, err)
	}
	if err := newer.ready(ctx); err != nil {
		newer.close()
		return nil, fmt.Errorf("reload %s: %w", s.dir, err)
	}
	reloaded := &Reloaded{
		Before: older.plan.Digest, Digest: compiled.Digest, RPCs: len(newer.procedures), Kept: newer.kept(), Upstreams: len(newer.clients),
		NeedRestart: needRestart(&s.started, &compiled.Server),
	}
	s.current.Store(newer)
	s.warnOpened(older.guards(), newer.guards())
	s.health.tell()
	s.internalHealth.tell()
	s.draining.Go(func() { older.drain(s.closing) })
	return reloaded, nil
}

func (s *Server) compile() (*plan.Plan, error) { return s.settings.compile(s.dir, false) }

// kept counts the clients that another world uses, too.
func (w *world) kept() int {
	count := 0
	for _, client := range w.clients {
		if client.isShared() {
			count++
		}
	}
	return count
}

// needRestart names the settings of the listeners that have changed since the start.
func needRestart(started, now *plan.Server) []string {
	var names []string
	if started.Listen != now.Listen {
		names = append(names, "listen")
	}
	if internalListen(started) != internalListen(now) {
		names = append(names, "internal.listen")
	}
	if started.Admin.Listen != now.Admin.Listen {
		names = append(names, "admin.listen")
	}
	if started.MaxTimeout != now.MaxTimeout {
		names = append(names, "server.max_timeout (how long reading a request may take)")
	}
	return names
}

// recordReload tells operators what came of a reload.
func (s *Server) recordReload(ctx context.Context, reloaded *Reloaded, err error) {
	wrong, isAuthors := errors.AsType[*AuthorError](err)
	result := "done"
	switch {
	case err != nil && !isAuthors && ctx.Err() != nil: // the process ends, or the operator has left
		s.settings.logger.LogAttrs(ctx, slog.LevelInfo, "reload given up, nothing has changed", slog.String("error", err.Error()))
		return
	case isAuthors:
		result = "wrong_files"
	case err != nil:
		result = "failed"
	}
	s.meters.reloads.Add(ctx, 1, metric.WithAttributes(attribute.String("sheaf.result", result)))
	if err != nil {
		s.failure.Store(&ReloadFailure{Err: err, At: time.Now()})
		attributes := []slog.Attr{slog.String("plan", s.current.Load().plan.Digest), slog.String("error", err.Error())}
		if isAuthors {
			attributes = append(attributes, slog.String("problems", s.describe(wrong)))
		}
		s.settings.logger.LogAttrs(ctx, slog.LevelError, "reload failed, nothing has changed", attributes...)
		return
	}
	s.failure.Store(nil)
	s.settings.logger.LogAttrs(ctx, slog.LevelInfo, "reloaded", slog.String("plan", reloaded.Digest), slog.String("before", reloaded.Before),
		slog.Int("rpcs", reloaded.RPCs), slog.Int("upstreams", reloaded.Upstreams), slog.Int("kept", reloaded.Kept))
	for _, name := range reloaded.NeedRestart {
		s.settings.logger.LogAttrs(ctx, slog.LevelWarn, "setting has changed, and holds only after a restart", slog.String("setting", name))
	}
}

// describe is what sheaf check prints of problems.
func (s *Server) describe(wrong *AuthorError) string {
	var text bytes.Buffer
	_ = wrong.Problems.Write(&text, diag.Text, source.Reader(s.dir)) // a buffer takes everything
	return text.String()
}
