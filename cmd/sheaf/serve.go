package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

func newServe(p process) *cobra.Command {
	var listen string
	command := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve a project",
		Long: `Serve a project until interrupted, over Connect, gRPC, gRPC-Web and JSON on one port. Logs go to stderr as JSON;
traces and metrics go where the standard OTEL_* environment variables say.`,
		Args: arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return serve(command.Context(), p, args[0], listen)
		},
	}
	command.Flags().StringVar(&listen, "listen", "", "address to listen on instead of sheaf.yaml's")
	return command
}

func serve(ctx context.Context, p process, dir, listen string) error {
	return withTelemetry(ctx, p, func(options []bff.Option, logger *slog.Logger) error {
		server, err := bff.Open(dir, options...)
		if err != nil {
			return asAuthorError(err, dir, diag.Text)
		}
		defer server.Close()
		if listen == "" {
			listen = server.Listen()
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		logger.Info("serving", "address", listener.Addr().String(), "dir", dir, "version", version())
		return server.Serve(ctx, listener)
	})
}

// withTelemetry runs f with what the environment says about logs, traces and metrics.
func withTelemetry(ctx context.Context, p process, f func([]bff.Option, *slog.Logger) error) error {
	started, err := telemetry.Start(ctx, version())
	if err != nil {
		return err
	}
	logger := telemetry.NewLogger(p.stderr, slog.LevelInfo)
	err = f([]bff.Option{
		bff.WithLookupEnv(p.lookupEnv), bff.WithLogger(logger),
		bff.WithTracerProvider(started.Tracers), bff.WithMeterProvider(started.Meters),
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
