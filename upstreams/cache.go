package upstreams

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/httpcache"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// CacheConfig says how answers are kept.
type CacheConfig struct {
	// Store is where.
	Store store.Blobs
	// Rules hold for answers that do not say so themselves. Requests that are made for an account, or with the caller's own
	// Authorization or Cookie, are to a private cache of their own.
	Rules httpcache.Rules
	// IgnoreHeaders are headers of requests that answers do not depend on, unless they say so with Vary.
	IgnoreHeaders []string
}

// cache keeps answers of GET by the rules of RFC 9111. An answer is only for requests that are the same in all that is sent, so
// that what is one caller's never becomes another's.
type cache struct {
	keys
	store     store.Blobs
	rules     httpcache.Rules
	client    *Client
	url       *url.URL
	observer  *observer
	coalescer coalescer
	// unshared are the routes whose last answer could not be kept, so that waiting for another call's answer is no use.
	unshared sync.Map
	// refreshes are those under way behind answers that were given stale. closing ends them, by cancel.
	refreshes sync.WaitGroup
	closing   context.Context
	cancel    context.CancelFunc
}

// close ends what goes on behind answers.
func (k *cache) close() {
	k.cancel()
	k.refreshes.Wait()
}

func newCache(client *Client, to *base, config *CacheConfig) *cache {
	k := &cache{
		keys: newKeys(client.config.Name, to.url.String(), client.header, config.IgnoreHeaders), store: config.Store, rules: config.Rules, client: client, url: to.url,
		observer: to.observer, coalescer: coalescer{upstream: client.config.Name, flights: map[string]*flight{}},
	}
	k.closing, k.cancel = context.WithCancel(context.Background())
	return k
}

// keep gives kept answers where the rules allow it, and keeps those of next.
func (k *cache) keep(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		if exchange.Method != http.MethodGet {
			answer, err := next(ctx, exchange)
			k.changed(ctx, exchange, answer, err)
			return answer, err
		}
		if asksForLess(exchange.Header) {
			return withoutCache(next)(ctx, exchange)
		}
		found := k.lookUp(ctx, exchange)
		switch {
		case !found.verdict.Use:
			return k.fetch(ctx, found, next)
		case found.verdict.Refresh:
			k.refreshBehind(ctx, found, next)
			return k.give(ctx, found, "stale")
		default:
			return k.give(ctx, found, "hit")
		}
	}
}

// lookup is a request, and what is kept for it.
type lookup struct {
	exchange exchange
	rules    httpcache.Rules
	key      string
	// entry is nil for nothing.
	entry   *entry
	verdict httpcache.Verdict
}

// lookUp finds what is kept for a request. If the store is away, that is nothing.
func (k *cache) lookUp(ctx context.Context, exchange exchange) lookup {
	found := lookup{exchange: exchange, rules: rulesFor(k.rules, exchange.Request), key: k.keyOf(exchange.Request)}
	kept := k.load(ctx, found.key)
	if kept != nil && len(kept.Vary) > 0 {
		kept = k.load(ctx, k.variantOf(found.key, kept.Vary, exchange.Header))
	}
	if kept == nil || k.changedSince(ctx, exchange, kept.RequestedAt) {
		return found
	}
	found.entry, found.verdict = kept, found.rules.Judge(exchange.Header, &kept.Response, time.Now())
	return found
}

// asksForLess reports whether a request has conditions of its own, or asks for a part: then nothing of it is kept.
func asksForLess(header http.Header) bool {
	return slices.ContainsFunc([]string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"},
		func(name string) bool { return len(header[name]) > 0 })
}

// identities are the headers of requests that say who asks.
var identities = []string{"Authorization", "Cookie"}

// rulesFor are the rules for a request: of a private cache, if it is made as someone.
func rulesFor(rules httpcache.Rules, request *Request) httpcache.Rules {
	identified := func(name string) bool { return len(request.Header[name]) > 0 }
	rules.Private = request.Account != "" || request.Authorization.Reveal() != "" || slices.ContainsFunc(identities, identified)
	return rules
}

// fetch asks the upstream, once for all who ask the same. If it has no answer, what is kept may do.
func (k *cache) fetch(ctx context.Context, found lookup, next call) (*Answer, error) {
	route := found.exchange.Template
	if _, unshared := k.unshared.Load(route); unshared {
		return k.orStale(ctx, found, k.ask(ctx, found, next))
	}
	got, first := k.share(ctx, found, next)
	if !first && !got.shareable {
		got = k.ask(ctx, found, next)
	}
	return k.orStale(ctx, found, got)
}

// share asks the upstream together with all who ask the same. first is set for the one who began.
func (k *cache) share(ctx context.Context, found lookup, next call) (_ fetched, first bool) {
	shared, request := found, *found.exchange.Request
	request.Hold = nil // whoever began it may ask for something else by the time that there is an answer, and must hold no room meanwhile
	shared.exchange.Request, shared.exchange.until = &request, k.endOfShared(ctx, found.exchange)
	return k.coalescer.share(ctx, found, func(ctx context.Context) fetched { return k.ask(ctx, shared, next) })
}

// endOfShared is when a request must have ended that others may join: with the one who began it, but not before there was time for
// one attempt.
func (k *cache) endOfShared(ctx context.Context, exchange exchange) time.Time {
	least, end := time.Now().Add(k.client.config.Timeout), exchange.until
	if deadline, ok := ctx.Deadline(); ok && (end.IsZero() || deadline.Before(end)) {
		end = deadline
	}
	if end.Before(least) {
		return least
	}
	return end
}

// ask asks the upstream, with the conditions under which what is kept is still good, and keeps what it gets.
func (k *cache) ask(ctx context.Context, found lookup, next call) fetched {
	if found.entry != nil {
		found.exchange.conditions = found.entry.Conditions()
	}
	requestedAt := time.Now()
	answer, err := next(ctx, found.exchange)
	received := answered(answer, err)
	if received == nil {
		return fetched{outcome: outcome{answer, err}, shareable: true}
	}
	body, response := received.Body, httpcache.Response{Status: received.Status, Header: received.Header, RequestedAt: requestedAt, ReceivedAt: time.Now()}
	if received.Status == http.StatusNotModified && len(found.exchange.conditions) > 0 {
		body, response = found.entry.Body, *found.entry.Freshened(received.Header, requestedAt, response.ReceivedAt)
		answer, err = k.client.judge(found.exchange.Request, &Answer{Status: response.Status, Header: response.Header, Body: body}, nil)
		received = answered(answer, err)
	}
	keepable := isWorthKeeping(err) && found.rules.MayStore(found.exchange.Header, &response)
	if err == nil {
		k.noteRoute(found.exchange.Template, keepable)
	}
	if keepable {
		k.save(ctx, found, &entry{Response: response, Body: body})
	}
	passOn(received, found.rules, found.exchange.Header, &response)
	return fetched{outcome: outcome{answer, err}, shareable: keepable || isFailure(err)}
}

// answered is what the upstream said, be it an answer or the reason of an error; nil if it said nothing.
func answered(answer *Answer, err error) *Answer {
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure.Answer
	}
	return answer
}

// isWorthKeeping reports whether what the upstream said is about what was asked for. That it is not well is not, nor what it says of
// credentials, which may be renewed.
func isWorthKeeping(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	return !ok || !failure.said.unwell && failure.Kind != KindCredentials
}

func (k *cache) noteRoute(route string, keepable bool) {
	if keepable {
		k.unshared.Delete(route)
	} else {
		k.unshared.Store(route, true)
	}
}

// orStale gives what is kept if the upstream has no answer, and the rules allow that.
func (k *cache) orStale(ctx context.Context, found lookup, got fetched) (*Answer, error) {
	failure, failed := errors.AsType[*Error](got.err)
	hasLeft := errors.Is(ctx.Err(), context.Canceled)
	if failed && found.verdict.OnError && !hasLeft && (failure.Retryable() || failure.Kind == KindFailed) {
		return k.give(ctx, found, "stale")
	}
	return got.answer, got.err
}

// give makes an answer of what is kept.
func (k *cache) give(ctx context.Context, found lookup, how string) (*Answer, error) {
	k.observer.kept(ctx, found.exchange.Request, how, found.verdict.Age)
	header := found.entry.Header.Clone()
	header.Set("Age", formatSeconds(found.verdict.Age))
	answer, err := k.client.judge(found.exchange.Request, &Answer{Status: found.entry.Status, Header: header, Body: found.entry.Body}, nil)
	if kept := answered(answer, err); kept != nil {
		kept.Age, kept.Stale = found.verdict.Age, found.verdict.Fresh <= 0
		passOn(kept, found.rules, found.exchange.Header, &found.entry.Response)
	}
	return answer, err
}

// refreshBehind fetches a new answer while the old one is given, unless that is under way.
func (k *cache) refreshBehind(ctx context.Context, found lookup, next call) {
	if k.closing.Err() != nil || k.coalescer.isUnderWay(found.key) {
		return
	}
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(k.closing, cancel)
	k.refreshes.Go(func() {
		defer cancel()
		defer stop()
		found.exchange.until = time.Time{} // the call's time is not the refresh's
		_, _ = k.share(shared, found, next)
	})
}

// passOn notes how far an answer may be kept by those it is passed on to.
func passOn(answer *Answer, rules httpcache.Rules, request http.Header, response *httpcache.Response) {
	passing := rules.PassOn(request, response, time.Now())
	answer.MaxAge, answer.Private = passing.MaxAge, passing.Private
}

// withoutCache says of each answer of GET how far it may be kept by others, where Sheaf itself keeps none.
func withoutCache(next call) call {
	return func(ctx context.Context, exchange exchange) (*Answer, error) {
		requestedAt := time.Now()
		answer, err := next(ctx, exchange)
		if err == nil && exchange.Method == http.MethodGet {
			response := httpcache.Response{Status: answer.Status, Header: answer.Header, RequestedAt: requestedAt, ReceivedAt: time.Now()}
			passOn(answer, rulesFor(httpcache.Rules{}, exchange.Request), exchange.Header, &response)
		}
		return answer, err
	}
}
