package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/examples/storefront"
	"github.com/sheaf-rpc/sheaf/examples/storefront/pretend"
	"github.com/sheaf-rpc/sheaf/internal/diag"
)

type demoFlags struct {
	listen string
	slow   map[string]string
	broken []string
}

func newDemo(p process) *cobra.Command {
	var flags demoFlags
	command := &cobra.Command{
		Use:   "demo",
		Short: "Start an example with pretend upstreams",
		Long: `Start the storefront example in front of pretend upstreams that run inside this process, print commands to try, and keep
running. Nothing else is needed.`,
		Example: `  sheaf demo
  sheaf demo --break reviews
  sheaf demo --slow stock=2s`,
		Args: arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error { return demo(command.Context(), p, flags) },
	}
	command.AddCommand(newDemoSocial(p))
	command.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	command.Flags().StringToStringVar(&flags.slow, "slow", nil, "make an upstream slow, as NAME=DURATION")
	command.Flags().StringSliceVar(&flags.broken, "break", nil, "make an upstream answer 503")
	return command
}

func demo(ctx context.Context, p process, flags demoFlags) error {
	shop, err := flags.shop()
	if err != nil {
		return err
	}
	upstreams, err := shop.Start(ctx)
	if err != nil {
		return err
	}
	defer upstreams.Close()
	return serveExample(ctx, p, example{
		name: "storefront", files: storefront.Files(), lookupEnv: upstreams.LookupEnv, listen: flags.listen, welcome: storefrontWelcome,
	})
}

// example is a project to serve from this process.
type example struct {
	name      string
	files     fs.FS
	lookupEnv func(string) (string, bool)
	listen    string
	// welcome says what to try, with ADDRESS and DIR in it.
	welcome string
}

// serveExample writes an example's files to a directory of their own, and serves them until ctx ends.
func serveExample(ctx context.Context, p process, e example) error {
	dir, err := os.MkdirTemp("", "sheaf-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the example: %w", err)
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, e.name)
	if err := os.CopyFS(dir, e.files); err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	return withTelemetry(ctx, p, func(options []bff.Option, _ *slog.Logger) error {
		server, err := bff.Open(dir, append(options, bff.WithLookupEnv(e.lookupEnv))...)
		if err != nil {
			return asAuthorError(err, dir, diag.Text)
		}
		defer server.Close()
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", e.listen)
		if err != nil {
			return fmt.Errorf("listen: %w; choose another address with --listen", err)
		}
		fmt.Fprint(p.stdout, strings.NewReplacer("ADDRESS", listener.Addr().String(), "DIR", dir).Replace(e.welcome))
		return server.Serve(ctx, listener)
	})
}

// shop is the pretend shop as the flags want it.
func (f demoFlags) shop() (*pretend.Shop, error) {
	shop := pretend.NewShop()
	for name, latency := range pretend.Latencies() {
		shop.SetLatency(name, latency)
	}
	for name, text := range f.slow {
		latency, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("read --slow: %q is no duration; write --slow %s=2s", text, name)
		}
		if err := knownUpstream("--slow", name); err != nil {
			return nil, err
		}
		shop.SetLatency(name, latency)
	}
	for _, name := range f.broken {
		if err := knownUpstream("--break", name); err != nil {
			return nil, err
		}
		shop.Break(name, http.StatusServiceUnavailable)
	}
	return shop, nil
}

func knownUpstream(flag, name string) error {
	if slices.Contains(pretend.Names(), name) {
		return nil
	}
	err := fmt.Errorf("read %s: unknown upstream %q", flag, name)
	if hint := diag.DidYouMean("upstreams", name, pretend.Names()); hint != "" {
		err = errors.Join(fmt.Errorf("%w; %s", err, hint))
	}
	return err
}

const storefrontWelcome = `The storefront is open at http://ADDRESS. Its files are in DIR. Try:

  curl --json '{"productId": "p-100"}' http://ADDRESS/shop.v1.StorefrontService/GetProduct

  curl --get http://ADDRESS/shop.v1.StorefrontService/GetHome --data-urlencode 'encoding=json' --data-urlencode 'message={}'

  buf curl --protocol grpc --http2-prior-knowledge -d '{"orderId": "9007199254740993"}' http://ADDRESS/shop.v1.StorefrontService/GetOrder

  grpcurl -plaintext -d '{"product_id": "p-100"}' ADDRESS shop.v1.StorefrontService/GetProduct

Start it again with --break reviews or --slow stock=2s to see what clients get then. Ctrl-C ends it.
`
