package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/source"
	"github.com/sheaf-rpc/sheaf/internal/watch"
)

// newWatcher watches all that a project is made from.
func newWatcher(p process, dir string, logger *slog.Logger) *watch.Watcher {
	return watch.New(func() (files, directories []string) {
		return source.Inputs(dir, source.Options{LookupEnv: p.lookupEnv})
	}, logger)
}

// takeHangups begins to take SIGHUP.
func (p process) takeHangups() (hangups <-chan os.Signal, stop func()) {
	if p.hangups == nil {
		return nil, func() {}
	}
	return p.hangups()
}

// reloadOn reloads at each signal until ctx ends. The server logs what comes of it.
func reloadOn(ctx context.Context, signals <-chan os.Signal, server *bff.Server) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			_, _ = server.Reload(ctx) // it is logged
		}
	}
}
