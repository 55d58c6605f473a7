package upstreams

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// HealthCheckConfig says how addresses are asked whether they are well.
type HealthCheckConfig struct {
	// Get is the path below the base URL, with its query; any 2xx is well.
	Get string
	// Every is about the time between two questions. Default: 5s.
	Every time.Duration
	// Timeout bounds an answer. Default: 1s.
	Timeout time.Duration
	// Threshold is how many answers in a row turn an address well, or ill, after the first answer. Default: 2.
	Threshold int
}

func (c *HealthCheckConfig) setDefaults() {
	setDefault(&c.Every, 5*time.Second)
	setDefault(&c.Timeout, time.Second)
	setDefault(&c.Threshold, 2)
}

// health is what answers to questions say; an address is well until they say something else. One goroutine writes it.
type health struct {
	ill atomic.Bool
	// against counts the answers in a row that speak against what is so.
	against int
}

// note takes down an answer, and reports whether it turned the address well or ill.
func (h *health) note(well bool, threshold int) bool {
	if well != h.ill.Load() {
		h.against = 0
		return false
	}
	h.against++
	if h.against < threshold {
		return false
	}
	h.against = 0
	h.ill.Store(!well)
	return true
}

// checker asks addresses whether they are well: through what calls go through, and with the upstream's own headers, but without
// credentials.
type checker struct {
	HealthCheckConfig
	target *url.URL
	header http.Header
	// changed is told when an address turned well (nil), or ill, and why.
	changed func(to *address, why error)
}

func newChecker(config HealthCheckConfig, base *url.URL, header http.Header, changed func(*address, error)) (*checker, error) {
	below, err := url.ParseRequestURI(config.Get)
	if err != nil || !strings.HasPrefix(config.Get, "/") {
		return nil, errors.New("health check has no path that HTTP can carry; write it as /healthz")
	}
	target := *base
	if err := setPath(&target, base, "", below.EscapedPath()); err != nil {
		return nil, fmt.Errorf("health check: %w", err)
	}
	target.RawQuery = below.RawQuery
	return &checker{HealthCheckConfig: config, target: &target, header: header, changed: changed}, nil
}

// watch asks an address again and again, until ctx ends. The first answer decides alone, and closes asked.
func (k *checker) watch(ctx context.Context, to *address, asked chan<- struct{}) {
	k.check(ctx, to, 1)
	close(asked)
	for sleep(ctx, k.pause()) == nil {
		k.check(ctx, to, k.Threshold)
	}
}

func (k *checker) check(ctx context.Context, to *address, threshold int) {
	err := k.ask(ctx, to)
	if ctx.Err() == nil && to.health.note(err == nil, threshold) {
		k.changed(to, err)
	}
}

// pause is Every, give or take a tenth, so that replicas do not ask in step.
func (k *checker) pause() time.Duration {
	return k.Every - k.Every/10 + rand.N(k.Every/5+1) //nolint:gosec // nobody gains by guessing it
}

func (k *checker) ask(ctx context.Context, to *address) error {
	ctx, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	request := (&http.Request{
		Method: http.MethodGet, URL: k.target, Host: k.target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: k.header.Clone(),
	}).WithContext(ctx)
	response, err := to.transport.RoundTrip(request)
	if err != nil {
		if why := untrusted(err); why != nil {
			return why
		}
		return err
	}
	defer func() { _ = response.Body.Close() }() // only the status matters
	drain(response.Body)
	if !isSuccess(response.StatusCode) {
		return fmt.Errorf("answered %d", response.StatusCode)
	}
	return nil
}
