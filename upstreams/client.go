// Package upstreams is for calling one REST service safely: everything between "a call is due" and "an answer is here".
// A call goes through
//
//	cache(coalesce(observe(retry(hedge(limit(breaker(attempt deadline(credentials(egress guard(transport))))))))))
//
// and its body is read within bounds. The package knows neither plans nor Protobuf.
package upstreams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Client calls one upstream. It is safe for concurrent use.
type Client struct {
	config     Config
	name       string
	bases      bases
	header     http.Header
	credential Credential
	accounts   *store.Accounts
	refresh    *RefreshConfig
	renewals   singleflight.Group
	timeout    time.Duration
	maxAnswer  int64
	transport  *http.Transport
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
	// Body is of the type that Content-Type says; a JSON document without one. It is nil for none.
	Body []byte
	// Account is the id of the account that the call is made for; empty for none.
	Account string
	// Timeout bounds the call with its retries, besides ctx; 0 for no further bound.
	Timeout time.Duration
	// Repeatable is set if the upstream takes the request twice as once. A GET is repeatable anyway.
	Repeatable bool
	// AbsentOn lists the statuses that mean "there is none".
	AbsentOn []int
}

// Answer is what a call got.
type Answer struct {
	// Status is 2xx, or one of AbsentOn; any other in an Error.
	Status int
	Header http.Header
	// Body is whole, decompressed and within Config.MaxAnswerBytes; nil if Absent.
	Body []byte
	// Generation counts the renewals of the account's credentials that the call was made with.
	Generation uint64
	Absent     bool
	// Age is how old a kept answer is, and Stale is set if that is older than it should be, for want of a new one or until there
	// is one.
	Age   time.Duration
	Stale bool
	// MaxAge is how long those that the answer is passed on to may keep it, and Private is set if only the one who asked may.
	MaxAge  time.Duration
	Private bool
}

// New creates a client. The error names what is wrong with the config, and what to do.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	header, err := fixedHeader(config.Header)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	client := &Client{
		config: config, name: config.Name, bases: bases{byURL: map[string]*base{}}, header: header, credential: config.Credential,
		accounts: config.Accounts, refresh: config.Refresh, timeout: config.Timeout, maxAnswer: config.MaxAnswerBytes,
		transport: newTransport(&config),
	}
	if client.hasOwnBases() {
		return client, nil
	}
	if _, err := client.baseFor(""); err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	return client, nil
}

// Do makes one call. The error is an *Error; it wraps ctx's error if ctx ended the call.
func (c *Client) Do(ctx context.Context, request *Request) (*Answer, error) {
	base, err := c.baseFor(request.Account)
	if err != nil {
		return nil, c.unsent(request, err)
	}
	exchange := exchange{Request: request}
	if request.Timeout > 0 {
		exchange.until = time.Now().Add(request.Timeout)
	}
	return base.do(ctx, exchange)
}

// call makes a call, or a part of one. The error is an *Error.
type call func(context.Context, exchange) (*Answer, error)

// exchange is a call under way.
type exchange struct {
	*Request
	// until is when it must have ended; zero for no bound besides the context.
	until time.Time
	// conditions are those under which an answer that is kept is still good: then the answer is a 304. Nil for none.
	conditions http.Header
}

// bounded is the shorter of a time and of what is left.
func (e exchange) bounded(limit time.Duration) time.Duration {
	if e.until.IsZero() {
		return limit
	}
	return min(limit, time.Until(e.until))
}

// BreakerState is closed, half-open or open; that of an account's address where each has its own.
func (c *Client) BreakerState(account string) string {
	base, err := c.baseFor(account)
	if err != nil {
		return "closed"
	}
	return base.breakers.state()
}

// Close ends what goes on behind calls, and closes idle connections. Calls in flight end by themselves.
func (c *Client) Close() {
	c.bases.close()
	c.transport.CloseIdleConnections()
}

// attempt sends the request once and reads the answer, within the attempt's deadline.
func (c *Client) attempt(to *base) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) { return c.send(ctx, to, exchange) }
}

func (c *Client) send(ctx context.Context, base *base, exchange exchange) (*Answer, error) {
	request, timeout := exchange.Request, exchange.bounded(c.timeout)
	attemptCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sending := base.sending(attemptCtx, request)
	defer sending.abandon(nil)
	enough := time.Now().Add(timeout / 2)
	outgoing, generation, err := c.newRequest(sending.trace(), base, exchange)
	if err != nil {
		return nil, c.unsent(request, err)
	}
	response, err := c.transport.RoundTrip(outgoing)
	if err != nil {
		failure := c.broken(ctx, enough, request, err)
		failure.Unsent = !sending.connected.Load()
		return nil, failure
	}
	sending.answered.Store(true)
	defer func() { _ = response.Body.Close() }() // what matters has been read by then
	answer, err := c.read(response, exchange)
	if err != nil && attemptCtx.Err() != nil {
		return nil, c.broken(ctx, enough, request, err)
	}
	return withGeneration(answer, err, generation)
}

// withGeneration notes which credentials a call was made with.
func withGeneration(answer *Answer, err error, generation uint64) (*Answer, error) {
	if answer != nil {
		answer.Generation = generation
	}
	if failure, ok := errors.AsType[*Error](err); ok && failure.Answer != nil {
		failure.Answer.Generation = generation
	}
	return answer, err
}

// unsent is the error of a request that could not be made.
func (c *Client) unsent(request *Request, err error) *Error {
	kind := KindBadRequest
	if errors.Is(err, errNoAccount) {
		kind = KindCredentials
	}
	failure := c.fail(request, kind, err)
	failure.Unsent = true
	return failure
}

// newRequest builds what goes to the wire. Credentials come last, so that nothing overrides them.
func (c *Client) newRequest(ctx context.Context, base *base, exchange exchange) (*http.Request, uint64, error) {
	request := exchange.Request
	target := *base.url
	target.RawQuery = request.Query
	if err := c.setPath(&target, base, request); err != nil {
		return nil, 0, err
	}
	outgoing := (&http.Request{
		Method: request.Method, URL: &target, Host: target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header.Clone(),
	}).WithContext(ctx)
	if err := addHeader(outgoing.Header, request.Header); err != nil {
		return nil, 0, err
	}
	maps.Copy(outgoing.Header, exchange.conditions)
	setBody(outgoing, request.Body)
	base.observer.inject(ctx, outgoing.Header)
	generation, err := c.sign(outgoing, request.Account)
	hideKeys(outgoing.Header)
	return outgoing, generation, err
}

// setPath sets the path: the base's, the credential's with its hole, and the call's, which is "/" for the base itself.
func (c *Client) setPath(target *url.URL, base *base, request *Request) error {
	if !strings.HasPrefix(request.Path, "/") { // net/http would send another host's URL as it is
		return errors.New("read path: it does not begin with a slash")
	}
	var prefix strings.Builder
	for i, part := range strings.Split(c.credential.Path, secretHole) {
		filled, err := fillText(part, request.Account, c.accounts)
		if err != nil {
			return err
		}
		if i > 0 {
			prefix.WriteString(url.PathEscape(secretHole))
		}
		prefix.WriteString(filled)
	}
	escaped := strings.TrimSuffix(base.url.EscapedPath(), "/") + prefix.String()
	if escaped == "" || request.Path != "/" {
		escaped += request.Path
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("read path: %w", err)
	}
	target.Path, target.RawPath = plain, escaped
	return nil
}
