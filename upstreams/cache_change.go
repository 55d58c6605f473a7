package upstreams

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// keepChange is how long it is known that a resource has changed. No answer is kept for longer, so that none comes back.
const keepChange = 24 * time.Hour

// safe are the methods that change nothing (RFC 9110, section 9.2.1).
var safe = []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}

// changed notes that a request may have changed what its URL names, and what its answer says that it has changed, so that answers
// from before are not given any more (RFC 9111, section 4.4).
func (k *cache) changed(ctx context.Context, exchange exchange, answer *Answer, err error) {
	if slices.Contains(safe, exchange.Method) || !mayHaveChanged(err) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.client.config.Timeout) // the change is one even if its client has left
	defer cancel()
	k.noteChange(ctx, exchange.Path, exchange.Query)
	said := answered(answer, err)
	if said == nil {
		return
	}
	for _, name := range []string{"Location", "Content-Location"} {
		if path, query, ok := k.below(exchange.Request, said.Header.Get(name)); ok {
			k.noteChange(ctx, path, query)
		}
	}
}

// noteChange ends what is kept of a URL, and keeps those who come from now on away from requests that were made before.
func (k *cache) noteChange(ctx context.Context, path, query string) {
	now, _ := time.Now().MarshalBinary()                           // fails only for zones of fractions of a minute
	_ = k.store.Set(ctx, k.changeOf(path, query), now, keepChange) // without a store nothing is given, either
	k.coalescer.forget(path, query)
}

// mayHaveChanged reports whether a request that ended like this may have been carried out: it was not refused, or nobody knows. Who
// looks what became of it must see what is there now.
func mayHaveChanged(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		return err == nil
	}
	refused := failure.Status >= http.StatusBadRequest && failure.Status != http.StatusBadGateway && failure.Status != http.StatusGatewayTimeout
	return !failure.Unsent && !refused
}

// below is the path and the query of a reference that an answer makes; false if it leads elsewhere.
func (k *cache) below(request *Request, reference string) (path, query string, ok bool) {
	prefix := strings.TrimSuffix(k.url.EscapedPath(), "/")
	asked, err := k.url.Parse(prefix + request.Path)
	if err != nil || reference == "" {
		return "", "", false
	}
	meant, err := asked.Parse(reference)
	if err != nil || meant.Scheme != k.url.Scheme || meant.Host != k.url.Host {
		return "", "", false
	}
	path, ok = strings.CutPrefix(meant.EscapedPath(), prefix)
	return path, meant.RawQuery, ok
}

// changedSince reports whether what a URL names has been changed through Sheaf since a time.
func (k *cache) changedSince(ctx context.Context, exchange exchange, since time.Time) bool {
	noted, ok, err := k.store.Get(ctx, k.changeOf(exchange.Path, exchange.Query))
	if err != nil || !ok {
		return err != nil
	}
	var at time.Time
	return at.UnmarshalBinary(noted) != nil || !at.Before(since)
}
