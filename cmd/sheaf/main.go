// Command sheaf glues REST APIs into one typed contract: it checks a project's files, prints their plan, and serves them
// over Connect, gRPC, gRPC-Web and JSON.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9/logging"

	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

func main() {
	logging.Disable()                                               // go-redis has one logger for the process; what matters is logged where it is used
	slog.SetDefault(telemetry.NewLogger(os.Stderr, slog.LevelInfo)) // net/http says to log what it cannot say to us
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], process{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, lookupEnv: os.LookupEnv, hangups: hangups})
	stop()
	os.Exit(status)
}

func hangups() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1) // one that comes during a reload asks for another, many ask for one
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
