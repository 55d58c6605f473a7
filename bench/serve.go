package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/sheaf-rpc/sheaf/bench/internal/child"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
	"github.com/sheaf-rpc/sheaf/internal/heap"
)

// services is the name of the process of the pretend services.
const services = "upstream"

// serveChild is a child's main: it serves one subject in front of the services at a base URL, or the services themselves, until its parent
// needs it no more.
func serveChild(ctx context.Context, arguments []string, in io.Reader, out io.Writer) error {
	started := time.Now()
	opened, err := openChild(ctx, arguments)
	if err != nil {
		return errors.Join(child.Fail(out, err), err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(child.Fail(out, err), err)
	}
	answering := &child.Child{Address: listener.Addr().String(), Opened: time.Since(started), Reload: opened.reload}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- opened.serve(ctx, listener) }()
	asked := answering.Answer(in, out)
	stop()
	return errors.Join(asked, <-served, opened.close(context.WithoutCancel(ctx)))
}

func openChild(ctx context.Context, arguments []string) (server, error) {
	if len(arguments) == 1 && arguments[0] == services {
		return server{serve: upstream.Serve, close: func(context.Context) error { return nil }}, nil
	}
	if len(arguments) != 2 {
		return server{}, errors.New("usage: serve SUBJECT BASE_URL")
	}
	served, found := find(arguments[0])
	if !found {
		return server{}, fmt.Errorf("unknown subject %q", arguments[0])
	}
	if served.reserved {
		return served.openReserved(ctx, arguments[1])
	}
	return served.open(ctx, arguments[1])
}

// openReserved opens a subject that has its heap until it is closed.
func (s *subject) openReserved(ctx context.Context, baseURL string) (server, error) {
	reserved := heap.Reserve(os.LookupEnv)
	opened, err := s.open(ctx, baseURL)
	closing := opened.close
	opened.close = func(ctx context.Context) error {
		defer runtime.KeepAlive(reserved)
		return closing(ctx)
	}
	return opened, err
}

// environment is what a subject's process has in its environment: where telemetry is exported, if at all. What the environment of
// the benchmark says of that does not count.
func (s *subject) environment(collector string) []string {
	added := []string{"OTEL_SDK_DISABLED=true"}
	if s.traced {
		added = []string{
			"OTEL_SDK_DISABLED=false", "OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=none", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01",
		}
	}
	if s.measured {
		added = append(added, "OTEL_METRICS_EXPORTER=otlp")
	}
	return added
}
