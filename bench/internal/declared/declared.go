// Package declared is for Sheaf as it is embedded and as it is served: bff, with the telemetry that sheaf serve starts from OTEL_*.
package declared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/sheaf-rpc/sheaf/bench/project"
	"github.com/sheaf-rpc/sheaf/bff"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// Proxy is a project that is open.
type Proxy struct {
	server    *bff.Server
	telemetry *telemetry.Telemetry
	dir       string
}

// Open writes a project and opens it, in front of the services at a base URL. Whoever proves their identity has a token of the issuer at
// the same address.
func Open(ctx context.Context, baseURL string, options project.Options) (*Proxy, error) {
	issuer, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	issuer.Path = ""
	environment := map[string]string{"UPSTREAM": baseURL, "ISSUER": issuer.String()}
	dir, err := os.MkdirTemp("", "sheaf-bench-")
	if err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	p := &Proxy{dir: dir}
	if err := project.Write(dir, options); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	if p.telemetry, err = telemetry.Start(ctx, "bench"); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	p.server, err = bff.Open(filepath.Clean(dir),
		bff.WithLogger(telemetry.NewLogger(os.Stderr, slog.LevelInfo)),
		bff.WithTracerProvider(p.telemetry.Tracers), bff.WithMeterProvider(p.telemetry.Meters),
		bff.WithLookupEnv(func(name string) (string, bool) {
			value, found := environment[name]
			return value, found
		}),
	)
	if err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

// Serve answers on a listener until ctx ends.
func (p *Proxy) Serve(ctx context.Context, listener net.Listener) error {
	return p.server.Serve(ctx, listener)
}

// Reload compiles the project's files anew.
func (p *Proxy) Reload() error {
	_, err := p.server.Reload(context.Background())
	return err
}

// Close closes the project, and removes its files.
func (p *Proxy) Close(ctx context.Context) error {
	var failed []error
	if p.server != nil {
		p.server.Close()
	}
	if p.telemetry != nil {
		const flush = 5 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flush)
		defer cancel()
		failed = append(failed, p.telemetry.Stop(ctx))
	}
	return errors.Join(append(failed, os.RemoveAll(p.dir))...)
}
