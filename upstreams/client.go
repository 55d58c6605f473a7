// Package upstreams is for calling one REST service safely: everything between "a call is due" and "an answer is here".
// A call goes through
//
//	observe(breaker(attempt deadline(credentials(transport))))
//
// and its body is read within bounds. The package knows neither plans nor Protobuf.
package upstreams

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one upstream. It is safe for concurrent use.
type Client struct {
	name      string
	base      *url.URL
	header    http.Header
	sign      signer
	timeout   time.Duration
	maxAnswer int64
	transport *http.Transport
	breaker   *breaker
	observer  *observer
}

// Request is one call.
type Request struct {
	// Name is the call's name and Template its path with holes unfilled; traces and metrics carry them.
	Name, Template string
	// Method is an HTTP method in upper case.
	Method string
	// Path is escaped and starts with a slash; it goes out as it is, below the base URL. Query is encoded, without "?".
	Path, Query string
	// Header holds what the call declares; may be nil.
	Header http.Header
	// Body is a JSON document; nil for none.
	Body []byte
	// Timeout bounds the call besides ctx and Config.Timeout; 0 for no further bound.
	Timeout time.Duration
	// AbsentOn lists the statuses that mean "there is none".
	AbsentOn []int
}

// Answer is what a call got.
type Answer struct {
	// Status is 2xx, or one of AbsentOn.
	Status int
	Header http.Header
	// Body is whole, decompressed and within Config.MaxAnswerBytes; nil if Absent.
	Body   []byte
	Absent bool
}

// New creates a client. The error names what is wrong with the config, and what to do.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	base, err := parseBase(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	header, err := fixedHeader(config.Header)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	observer, err := newObserver(&config, base)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	return &Client{
		name: config.Name, base: base, header: header, sign: newSigner(config.Credential),
		timeout: config.Timeout, maxAnswer: config.MaxAnswerBytes,
		transport: newTransport(&config), breaker: newBreaker(&config, observer), observer: observer,
	}, nil
}

// Do makes one call. The error is an *Error; it wraps ctx's error if ctx ended the call.
func (c *Client) Do(ctx context.Context, request *Request) (*Answer, error) {
	ctx, span := c.observer.start(ctx, request)
	answer, err := c.breaker.do(func() (*Answer, error) { return c.attempt(ctx, request) })
	span.end(answer, err)
	return answer, err
}

// BreakerState is closed, half-open or open.
func (c *Client) BreakerState() string { return c.breaker.circuit.State().String() }

// Close closes idle connections. Calls in flight end by themselves.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// attempt sends the request once and reads the answer, within the attempt's deadline.
func (c *Client) attempt(ctx context.Context, request *Request) (*Answer, error) {
	timeout := c.timeout
	if request.Timeout > 0 {
		timeout = min(timeout, request.Timeout)
	}
	attemptCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	enough := time.Now().Add(timeout / 2)
	outgoing, err := c.newRequest(attemptCtx, request)
	if err != nil {
		return nil, c.fail(request, KindBadRequest, err)
	}
	response, err := c.transport.RoundTrip(outgoing)
	if err != nil {
		return nil, c.broken(ctx, enough, request, err)
	}
	defer func() { _ = response.Body.Close() }() // what matters has been read by then
	answer, err := c.read(response, request)
	if err != nil && attemptCtx.Err() != nil {
		return nil, c.broken(ctx, enough, request, err)
	}
	return answer, err
}

// newRequest builds what goes to the wire. Credentials come last, so that nothing overrides them.
func (c *Client) newRequest(ctx context.Context, request *Request) (*http.Request, error) {
	target := *c.base
	target.RawQuery = request.Query
	escaped := strings.TrimSuffix(c.base.EscapedPath(), "/") + request.Path
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fmt.Errorf("read path: %w", err)
	}
	target.Path, target.RawPath = plain, escaped
	outgoing := (&http.Request{
		Method: request.Method, URL: &target, Host: target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header.Clone(),
	}).WithContext(ctx)
	if err := addHeader(outgoing.Header, request.Header); err != nil {
		return nil, err
	}
	setBody(outgoing, request.Body)
	c.observer.inject(ctx, outgoing.Header)
	c.sign(outgoing.Header)
	return outgoing, nil
}
