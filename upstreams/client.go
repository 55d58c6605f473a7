// Package upstreams is for calling one REST service safely: everything between "a call is due" and "an answer is here".
// A call goes through
//
//	cache(coalesce(observe(retry(hedge(limit(breaker(balance(attempt deadline(credentials(egress guard(transport)))))))))))
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

	"github.com/sheaf-rpc/sheaf/internal/secret"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// Client calls one upstream. It is safe for concurrent use.
type Client struct {
	config    Config
	name      string
	bases     bases
	header    http.Header
	signer    signer
	accounts  *store.Accounts
	refresh   *RefreshConfig
	timeout   time.Duration
	maxAnswer int64
	balancer  *balancer
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
	// Authorization is the caller's own, where the upstream's Credential passes it on or exchanges it; zero for none.
	Authorization secret.Value
	// Timeout bounds the call with its retries, besides ctx; 0 for no further bound.
	Timeout time.Duration
	// Repeatable is set if the upstream takes the request twice as once. A GET is repeatable anyway.
	Repeatable bool
	// AbsentOn lists the statuses that mean "there is none".
	AbsentOn []int
	// Judge says what an answer means by what it says, whatever its status: whether the upstream is not well, and whether the same
	// call may succeed later; known is false if only the status tells. It is called concurrently, and may be after the call has
	// ended. It is nil for never.
	Judge func(status int, header http.Header, body []byte) (unwell, mayPass, known bool)
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
	balancer, err := newBalancer(&config)
	if err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	client := &Client{
		config: config, name: config.Name, bases: bases{byURL: map[string]*base{}}, header: header,
		accounts: config.Accounts, refresh: config.Refresh, timeout: config.Timeout, maxAnswer: config.MaxAnswerBytes,
		balancer: balancer,
	}
	if client.signer, err = newSigner(client, config.Credential); err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	if err := client.begin(); err != nil {
		return nil, fmt.Errorf("create upstream %s: %w", config.Name, err)
	}
	return client, nil
}

// begin makes ready what is known before the first call.
func (c *Client) begin() error {
	switch {
	case !c.hasOwnBases():
	case c.config.Balance != nil:
		return errAddresses
	default:
		return nil
	}
	only, err := c.baseFor("")
	if err != nil {
		return err
	}
	return c.balancer.watch(&c.config, only, c.header)
}

// Do makes one call. The error is an *Error; it wraps ctx's error if ctx ended the call.
func (c *Client) Do(ctx context.Context, request *Request) (*Answer, error) {
	return c.do(ctx, exchange{Request: request})
}

func (c *Client) do(ctx context.Context, exchange exchange) (*Answer, error) {
	base, err := c.baseFor(exchange.Account)
	if err != nil {
		return nil, c.unsent(exchange.Request, err)
	}
	if header, renamed := canonical(exchange.Header); renamed {
		named := *exchange.Request
		named.Header, exchange.Request = header, &named
	}
	if c.balancer.ejector != nil {
		exchange.tried = &tried{}
	}
	if exchange.Timeout > 0 {
		exchange.until = time.Now().Add(exchange.Timeout)
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
	// tried are the addresses that its requests went to, and to is that of the one under way.
	tried *tried
	to    *address
	// conditions are those under which an answer that is kept is still good: then the answer is a 304. Nil for none.
	conditions http.Header
	// carried are secrets in the request besides those that it is signed with.
	carried secrets
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
	if renewing, ok := c.signer.(renewer); ok {
		renewing.close()
	}
	c.balancer.close()
}

// send sends the request once and reads the answer, within the attempt's deadline.
func (c *Client) send(ctx context.Context, exchange exchange, signing *signing) (*Answer, error) {
	request, timeout := exchange.Request, exchange.bounded(c.timeout)
	attemptCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sending := signing.base.sending(attemptCtx, request)
	defer sending.abandon(nil)
	enough := time.Now().Add(c.wholeTimeout(request) / 2)
	if err := c.prepare(attemptCtx, exchange, signing); err != nil {
		return nil, c.unsent(request, err)
	}
	response, err := exchange.to.transport.RoundTrip(signing.WithContext(sending.trace()))
	if err != nil {
		failure := c.broken(ctx, enough, request, ended(attemptCtx, err))
		failure.Unsent = !sending.connected.Load()
		return nil, failure
	}
	sending.answered.Store(true)
	defer func() { _ = response.Body.Close() }() // what matters has been read by then
	answer, err := c.read(response, exchange, signing.carried)
	if err != nil && attemptCtx.Err() != nil {
		return nil, c.broken(ctx, enough, request, ended(attemptCtx, err))
	}
	return withGeneration(answer, err, signing.generation)
}

// wholeTimeout is the time that an attempt has which is not cut short by what came before it.
func (c *Client) wholeTimeout(request *Request) time.Duration {
	if request.Timeout > 0 {
		return min(c.timeout, request.Timeout)
	}
	return c.timeout
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
	kind, wait := KindBadRequest, time.Duration(0)
	if missing, ok := errors.AsType[*tokenError](err); ok {
		kind, wait = KindToken, missing.wait
	} else if isUnsignable(err) {
		kind = KindCredentials
	}
	failure := c.fail(request, kind, err)
	failure.Unsent, failure.RetryAfter = true, wait
	return failure
}

// prepare builds what goes to the wire. Credentials come last, so that nothing overrides them.
func (c *Client) prepare(ctx context.Context, exchange exchange, signing *signing) error {
	request, base := exchange.Request, signing.base
	target := *base.url
	target.RawQuery = request.Query
	if err := setPath(&target, base.url, "", request.Path); err != nil {
		return err
	}
	outgoing := (&http.Request{
		Method: request.Method, URL: &target, Host: target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header.Clone(),
	}).WithContext(ctx)
	if err := addHeader(outgoing.Header, request.Header); err != nil {
		return err
	}
	maps.Copy(outgoing.Header, exchange.conditions)
	setBody(outgoing, request.Body)
	base.observer.inject(ctx, outgoing.Header)
	signing.Request = outgoing
	if err := c.signer.sign(ctx, signing); err != nil {
		return err
	}
	hideKeys(outgoing.Header)
	return nil
}

// setPath sets the path: the base's, a prefix, and the call's, which is "/" for the base itself.
func setPath(target, base *url.URL, prefix, path string) error {
	if !strings.HasPrefix(path, "/") { // net/http would send another host's URL as it is
		return errors.New("read path: it does not begin with a slash")
	}
	escaped := strings.TrimSuffix(base.EscapedPath(), "/") + prefix
	if escaped == "" || path != "/" {
		escaped += path
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return errors.New("read path: it is not escaped") // the error of url quotes it, and with it a secret
	}
	target.Path, target.RawPath = plain, escaped
	return nil
}
