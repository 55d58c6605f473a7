package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"

	gojson "github.com/goccy/go-json"

	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
	"github.com/sheaf-rpc/sheaf/bench/internal/declared"
	"github.com/sheaf-rpc/sheaf/bench/internal/floor"
	"github.com/sheaf-rpc/sheaf/bench/internal/hand"
	"github.com/sheaf-rpc/sheaf/bench/internal/krakend"
	"github.com/sheaf-rpc/sheaf/bench/internal/report"
	"github.com/sheaf-rpc/sheaf/bench/internal/serving"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
	"github.com/sheaf-rpc/sheaf/bench/project"
	"github.com/sheaf-rpc/sheaf/internal/telemetry"
)

// subject is a program that is measured.
type subject struct {
	name, about string
	// answers is what it gives back.
	answers answers
	// traced exports spans of one call in a hundred; measured exports metrics, too.
	traced, measured bool
	// reserved has the heap of `sheaf serve`.
	reserved bool
	// only says which cases it takes part in; nil for all.
	only func(*cases.Case) bool
	// open makes it ready to serve in front of the services at a base URL.
	open func(ctx context.Context, baseURL string) (server, error)
}

// answers are the kinds of answers.
type answers int

const (
	asMessages answers = iota // of the contract, in the protocol of the case
	asJSON                    // of its own shape, to a GET
	asBodies                  // the services' bodies one after the other
)

// server serves, and may reload.
type server struct {
	serve  func(context.Context, net.Listener) error
	reload func() error
	close  func(context.Context) error
}

func ofMain(c *cases.Case) bool     { return c.Name == cases.Main }
func ofSmall(c *cases.Case) bool    { return ofMain(c) || c.Name == cases.Small }
func ofCrowd(c *cases.Case) bool    { return c.MoreRPCs }
func notOfCrowd(c *cases.Case) bool { return !c.MoreRPCs }
func ofKrakenD(c *cases.Case) bool  { return c.KrakenD != "" }

// ofFloor says where a floor makes sense: where nothing has to be understood, neither gRPC's frames nor which answer is missing.
func ofFloor(c *cases.Case) bool {
	return c.Protocol != cases.GRPC && c.Upstream != upstream.Failing && !c.MoreRPCs
}

// takesPart reports whether a subject can do a case.
func (s *subject) takesPart(c *cases.Case) bool { return s.only == nil || s.only(c) }

// subjects are all of them, in the order of the report.
func subjects() []subject {
	return []subject{
		{name: "sheaf", about: "Sheaf with identity (JWT), a rule, a limit, validation, and 1 % of calls traced", traced: true, open: openSheaf(project.Options{Policy: true})},
		{name: "sheaf-metrics", about: "sheaf with metrics exported, too", traced: true, measured: true, only: ofMain, open: openSheaf(project.Options{Policy: true})},
		{
			name: "sheaf-serve", about: "sheaf with the heap of `sheaf serve`, in which garbage is collected less often",
			traced: true, reserved: true, only: ofMain, open: openSheaf(project.Options{Policy: true}),
		},
		{name: "sheaf-bare", about: "Sheaf without policy and tracing", only: notOfCrowd, open: openSheaf(project.Options{})},
		{name: "sheaf-1000", about: "sheaf with 1,000 RPCs more", traced: true, only: ofCrowd, open: openSheaf(project.Options{Policy: true, MoreRPCs: 1000})},
		{name: report.Baseline, about: "hand-written: connect-go, errgroup, gobreaker, net/http, encoding/json", open: openHand(json.Unmarshal)},
		{name: "hand-fast", about: "hand with goccy/go-json instead of encoding/json", only: notOfCrowd, open: openHand(gojson.Unmarshal)},
		{
			name: "hand-guarded", about: "hand with what sheaf does beside: a JWT, a scope, a limit, validation, and 1 % of calls traced",
			traced: true, only: ofSmall, open: openGuarded,
		},
		{name: "krakend", about: "KrakenD's engine (Lura) with its gin router, JSON to its clients", answers: asJSON, only: ofKrakenD, open: openKrakenD},
		{name: "floor", about: "net/http server and client, nothing decoded", answers: asBodies, only: ofFloor, open: openFloor(floor.NetHTTP)},
		{name: "floor-fasthttp", about: "net/http server and fasthttp client, nothing decoded", answers: asBodies, only: ofFloor, open: openFloor(floor.FastHTTP)},
	}
}

func find(name string) (subject, bool) {
	all := subjects()
	at := slices.IndexFunc(all, func(s subject) bool { return s.name == name })
	if at < 0 {
		return subject{}, false
	}
	return all[at], true
}

func openSheaf(options project.Options) func(context.Context, string) (server, error) {
	return func(ctx context.Context, baseURL string) (server, error) {
		proxy, err := declared.Open(ctx, baseURL, options)
		if err != nil {
			return server{}, err
		}
		return server{serve: proxy.Serve, reload: proxy.Reload, close: proxy.Close}, nil
	}
}

func openHand(decode hand.Decode) func(context.Context, string) (server, error) {
	return func(_ context.Context, baseURL string) (server, error) {
		return handled(hand.NewHandler(baseURL, decode)), nil
	}
}

func openGuarded(ctx context.Context, baseURL string) (server, error) {
	keys, err := url.Parse(baseURL)
	if err != nil {
		return server{}, fmt.Errorf("open guarded handler: %w", err)
	}
	keys.Path = "/jwks"
	started, err := telemetry.Start(ctx, "bench")
	if err != nil {
		return server{}, err
	}
	handler, err := hand.NewGuardedHandler(ctx, baseURL, keys.String(), json.Unmarshal, started.Tracers)
	if err != nil {
		return server{}, errors.Join(err, started.Stop(ctx))
	}
	served := handled(handler)
	served.close = started.Stop
	return served, nil
}

func openFloor(fetch func() floor.Fetch) func(context.Context, string) (server, error) {
	return func(_ context.Context, baseURL string) (server, error) {
		paths := map[string][]string{}
		for _, c := range cases.All() {
			paths["/"+c.Key()] = c.Gets
		}
		return handled(floor.NewHandler(baseURL, paths, fetch())), nil
	}
}

func openKrakenD(_ context.Context, baseURL string) (server, error) {
	return server{
		serve: func(ctx context.Context, listener net.Listener) error { return krakend.Serve(ctx, listener, baseURL) },
		close: func(context.Context) error { return nil },
	}, nil
}

func handled(handler http.Handler) server {
	return server{
		serve: func(ctx context.Context, listener net.Listener) error { return serving.Serve(ctx, listener, handler) },
		close: func(context.Context) error { return nil },
	}
}
