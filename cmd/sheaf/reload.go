package main

import (
	"context"
	"log/slog"

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

// reloadOnHangup reloads at each SIGHUP until ctx ends. The server logs what comes of it.
func reloadOnHangup(ctx context.Context, p process, server *bff.Server) {
	if p.hangups == nil {
		return
	}
	hangups, stop := p.hangups()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			_, _ = server.Reload(ctx) // it is logged
		}
	}
}
