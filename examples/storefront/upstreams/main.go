// Command upstreams runs the services behind the storefront example by themselves, so that sheaf serve can be pointed at
// them. It prints the environment variables that the example's sheaf.yaml reads, and runs until it is interrupted.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "upstreams:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	shop := pretend.NewShop()
	for service, latency := range pretend.Latencies() {
		shop.SetLatency(service, latency)
	}
	started, err := shop.Start(ctx)
	if err != nil {
		return err
	}
	for _, name := range pretend.Names() {
		fmt.Printf("export %s_URL=%s\n", strings.ToUpper(name), started.Addresses[name])
	}
	fmt.Printf("export STOCK_TOKEN=%s\n", pretend.Token)
	<-ctx.Done()
	return started.Close()
}
