package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/heap"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
	"github.com/sheaf-rpc/sheaf/internal/watch"
)

type serveFlags struct {
	listen string
	watch  bool
}

func newServe(p process) *cobra.Command {
	var flags serveFlags
	command := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve a project",
		Long: `Serve a project until interrupted, over Connect, gRPC, gRPC-Web and JSON on one port. Logs go to stderr as JSON;
traces and metrics go where the standard OTEL_* environment variables say.

SIGHUP reads the project's files again, and so does a change of them with --watch. Calls in flight finish as they began.
If anything is wrong with the files, nothing changes, and the log says what check would print.`,
		Args: arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return serve(command.Context(), p, args[0], flags)
		},
	}
	command.Flags().StringVar(&flags.listen, "listen", "", "address to listen on instead of sheaf.yaml's")
	command.Flags().BoolVar(&flags.watch, "watch", false, "reload when the project's files change")
	return command
}

func serve(ctx context.Context, p process, dir string, flags serveFlags) error {
	reserved := heap.Reserve(p.lookupEnv)
	defer runtime.KeepAlive(reserved)
	return withTelemetry(ctx, p, func(options []bff.Option, logger *slog.Logger) error {
		signals, stop := p.takeHangups()
		defer stop()
		var watcher *watch.Watcher
		if flags.watch {
			watcher = newWatcher(p, dir, logger) // before the files are read, so that it misses nothing
		}
		server, err := bff.Open(dir, options...)
		if err != nil {
			return asAuthorError(err, dir, diag.Text)
		}
		defer server.Close()
		listener, err := listenAt(ctx, cmp.Or(flags.listen, server.Listen()))
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		if err := serveOthers(ctx, group, server, logger); err != nil {
			return errors.Join(err, listener.Close())
		}
		group.Go(func() error { return server.Serve(ctx, listener) })
		group.Go(func() error { reloadOn(ctx, signals, server); return nil })
		if watcher != nil {
			group.Go(func() error {
				watcher.Run(ctx, func() { _, _ = server.Reload(ctx) }) // it is logged
				return nil
			})
		}
		logServing(logger, dir, listener.Addr(), server.Status())
		return group.Wait()
	}, scraping(p, dir)...)
}

// scraping measures for scrapes, if the project has a listener for operators that answers them: without, measuring costs time for nothing.
// What is wrong with the files is told once they are opened.
func scraping(p process, dir string) []telemetry.Option {
	compiled, err := compileOffline(p, dir)
	if err != nil || compiled.Server.Admin.Listen == "" {
		return nil
	}
	return []telemetry.Option{telemetry.WithScraping()}
}

// serveOthers serves on the addresses besides the one that clients call: that of internal RPCs, and that of the admin API.
func serveOthers(ctx context.Context, group *errgroup.Group, server *bff.Server, logger *slog.Logger) error {
	for _, other := range []struct {
		name, log, address string
		serve              func(context.Context, net.Listener) error
	}{
		{"internal", "serving internal RPCs", server.InternalListen(), server.ServeInternal},
		{"admin", "serving the admin API", server.AdminListen(), server.ServeAdmin},
	} {
		if other.address == "" {
			continue
		}
		listener, err := listenAt(ctx, other.address)
		if err != nil {
			return fmt.Errorf("%s: %w", other.name, err)
		}
		group.Go(func() error { return other.serve(ctx, listener) })
		logger.Info(other.log, "address", listener.Addr().String())
		if other.name == "admin" {
			warnAdmin(logger, listener.Addr(), server.AdminTLS())
		}
	}
	return nil
}

func listenAt(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// withTelemetry runs f with what the environment says about logs, traces and metrics.
func withTelemetry(ctx context.Context, p process, f func([]bff.Option, *slog.Logger) error, with ...telemetry.Option) error {
	started, err := telemetry.Start(ctx, version(), with...)
	if err != nil {
		return err
	}
	logger := telemetry.NewLogger(p.stderr, slog.LevelInfo)
	err = f([]bff.Option{
		bff.WithLookupEnv(p.lookupEnv), bff.WithLogger(logger),
		bff.WithTracerProvider(started.Tracers), bff.WithMeterProvider(started.Meters), bff.WithMetrics(started.Metrics),
	}, logger)
	const flush = 5 * time.Second
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flush)
	defer cancel()
	if stopErr := started.Stop(stopCtx); stopErr != nil {
		logger.Warn("telemetry was lost", "error", stopErr)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
